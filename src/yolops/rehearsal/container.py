"""One instance as a system container: real systemd and cloud-init on a disk of its own over the shared image.

Whatever could outlive it is private to its processes: the mounts, the network namespace that it starts from, and its
process namespace, which ends with systemd-nspawn. Only its control group has a place of its own; `sweep` removes that.
Its disk stays until it is terminated, so that it can be stopped, started and rebooted like an instance in AWS. It is a
file with a file system in it, as fresh as a volume in AWS is (docs/explanation/decisions/0037-a-disk-of-its-own.md).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from yolops import process, running_processes

if TYPE_CHECKING:
    from yolops.rehearsal.network_namespace import NetworkNamespace
    from yolops.rehearsal.virtual_network import Interface

PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
    "mkfs.ext4": "e2fsprogs",
}
LOG = "console.log"
# What the instance has written, on its disk, which only its processes see.
WRITTEN = "disk/upper"
STOP_PATIENCE_S = 20.0
# systemd-nspawn ends with this when the instance itself asks to be started again.
REBOOT = 133
HYPERVISOR = "ec2e1916-9099-7caf-fd21-012345abcdef\n"

# $1 image, $2 namespace of the VPC, $3 port of the bridge, $4 hardware address, $5 control group, $6 name
BOOT = """\
echo $$ > "$5/cgroup.procs"
mkdir -p disk merged
ln -sfn "$1" image
# It is a rehearsal: nothing is worth waiting for the disk. Where this machine has no loop devices when an instance is
# started first, the directory serves.
options=loop,noatime,barrier=0
if [ -e disk.img ]; then
  mount -o $options disk.img disk
elif [ ! -e disk/seeded ]; then
  truncate --size=20G disk.new
  mkfs.ext4 -q -E nodiscard disk.new
  if mount -o $options disk.new disk; then mv disk.new disk.img; else rm disk.new; fi
fi
mkdir -p disk/upper disk/work
mount -t overlay overlay -o lowerdir=image,upperdir=disk/upper,workdir=disk/work merged
if [ ! -e disk/seeded ]; then
  install -D -m 644 ca.pem merged/usr/local/share/ca-certificates/rehearsal.crt
  # What update-ca-certificates would do, which takes seconds: into the bundle, and found by its hash.
  cat ca.pem >>merged/etc/ssl/certs/ca-certificates.crt
  ln -sfn /usr/local/share/ca-certificates/rehearsal.crt merged/etc/ssl/certs/rehearsal.pem
  hash=$(chroot merged openssl x509 -noout -hash -in /usr/local/share/ca-certificates/rehearsal.crt)
  ln -sfn rehearsal.pem "merged/etc/ssl/certs/$hash.0"
  touch disk/seeded
fi
nsenter --net="$2" ip link add "$3" mtu 1500 type veth peer name ens5 mtu 1500 address "$4" netns $$
nsenter --net="$2" ip link set "$3" master vpc0 up
mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec systemd-nspawn --quiet --boot --directory=merged --machine="$6" --register=no --keep-unit --link-journal=no \
  --network-interface=ens5 --resolv-conf=off --timezone=off --console=read-only --hostname=localhost \
  --bind-ro="$PWD/hypervisor:/sys/hypervisor/uuid"
"""


class Boot(StrEnum):
    """How far an instance is."""

    BOOTING = "booting"
    READY = "ready"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True)
class Place:
    """Where an instance is put.

    Attributes:
        image: the directory of its image.
        authority: the certificate that it trusts beside those of the image.
        namespace: that of its VPC.
        interface: its network interface.
    """

    image: Path
    authority: Path
    namespace: NetworkNamespace
    interface: Interface


class Container:
    """One instance.

    Args:
        name: its ID.
        directory: its files.
        group: its control group.

    Attributes:
        log: the file with what it prints, cloud-init's output among it.
    """

    def __init__(self, name: str, directory: Path, group: Path) -> None:
        self._name = name
        self._directory = directory
        self._group = group
        self._identity: running_processes.ProcessIdentity | None = None
        self._started = 0.0
        self.log = directory / LOG

    def start(self, place: Place) -> None:
        """Boot it.

        Raises:
            YolopsError: a program it needs is not there.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._group.mkdir(exist_ok=True)
        shutil.copyfile(place.authority, self._directory / "ca.pem")
        (self._directory / "hypervisor").write_text(HYPERVISOR, encoding="utf-8")
        self._started = time.time()
        self._identity = process.start_background(
            [
                *("unshare", "--net", "--mount", "--propagation=private", "sh", "-euc", BOOT, "sh", str(place.image)),
                *(place.namespace.path, place.interface.port, place.interface.mac, str(self._group), self._name),
            ],
            log=self.log,
            cwd=self._directory,
        )

    def boot(self) -> Boot:
        """Return how far it is."""
        if self._identity is None or not running_processes.is_running(self._identity):
            return Boot.ENDED
        result = self.files / "var/lib/cloud/data/result.json"
        try:
            if result.stat().st_mtime < self._started:  # of an earlier boot
                return Boot.BOOTING
            errors = json.loads(result.read_text(encoding="utf-8"))["v1"]["errors"]
        except (OSError, ValueError, KeyError):
            return Boot.BOOTING
        return Boot.FAILED if errors else Boot.READY

    @property
    def files(self) -> Path:
        """What it has written, as its own processes see it; nothing while it does not run."""
        number = self._identity.pid if self._identity is not None else 0
        return Path(f"/proc/{number}/root{self._directory.resolve()}") / WRITTEN

    def wants_reboot(self) -> bool:
        """Return whether it has ended in order to be started again."""
        return self._identity is not None and running_processes.exit_code(self._identity) == REBOOT

    def stop(self) -> None:
        """Shut it down, and end it if that takes too long; its files stay.

        Raises:
            YolopsError: something of it cannot be ended.
        """
        if self._identity is not None:
            running_processes.ask_to_end(self._identity)
            deadline = time.monotonic() + STOP_PATIENCE_S
            while running_processes.is_running(self._identity) and time.monotonic() < deadline:
                time.sleep(running_processes.POLL_S)
            running_processes.stop(self._identity, 0.0)
            self._identity = None
        remove_group(self._group)

    def delete(self) -> None:
        """End it at once and delete its files."""
        if self._identity is not None:
            running_processes.stop(self._identity, 0.0)
            self._identity = None
        remove_group(self._group)
        shutil.rmtree(self._directory, ignore_errors=True)


def control_groups() -> Path | None:
    """Return where this machine has the control groups of version 2; None if it has none."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None


def remove_group(group: Path) -> None:
    """Remove a control group and those below it, whose processes have ended."""
    if group.is_dir():
        for below in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):
                below.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()
