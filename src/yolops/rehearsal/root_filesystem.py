"""The Debian 12 image that simulated instances boot: built once on a machine, then shared by all as a read-only layer.

It is what AWS's own Debian image is to user data: systemd, cloud-init with its EC2 data source, and nothing of ours.
How this machine reaches its package mirrors (settings of apt and pip, certificate authorities) is copied in.
The image is built beside its place and renamed, so that a build that was killed leaves nothing that looks whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolops import process
from yolops.errors import YolopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RELEASE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
SECURITY_MIRROR = "http://deb.debian.org/debian-security"
# debootstrap cannot choose between providers of a virtual package, so cloud-init and what it needs come by apt.
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "iproute2", "python3", "curl", "cloud-init", "netbase", "ifupdown", "sudo"),
    *("udev", "procps", "isc-dhcp-client", "openssh-server", "locales"),
)
BUILD_PATIENCE_S = 900.0

CLOUD_INIT = """\
# The one place user data comes from; a container has no firmware that would name its maker.
datasource_list: [Ec2]
datasource:
  Ec2:
    strict_id: false
    timeout: 5
    max_wait: 30
# A minimal image has no locale to update.
locale: false
"""
# Programs that bring certificates of their own must trust what the image trusts.
ENVIRONMENT = """\
[Manager]
DefaultEnvironment="SSL_CERT_FILE={bundle}" "REQUESTS_CA_BUNDLE={bundle}" "AWS_CA_BUNDLE={bundle}"
"""
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
SOURCES = f"""\
deb {MIRROR} {RELEASE} main
deb {MIRROR} {RELEASE}-updates main
deb {SECURITY_MIRROR} {RELEASE}-security main
"""

INSTALL = """\
set -eu
export DEBIAN_FRONTEND=noninteractive
update-ca-certificates
apt-get -q update -o APT::Update::Error-Mode=any
apt-get -q install --yes --no-install-recommends "$@"
apt-get -q dist-upgrade --yes
apt-get clean
rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d
: > /etc/machine-id
systemctl disable apt-daily.timer apt-daily-upgrade.timer
"""


@dataclass(frozen=True)
class Recipe:
    """What an image is made from.

    Attributes:
        packages: what is installed beside the minimum.
        files: what is copied in before that, by its path in the image.
    """

    packages: tuple[str, ...]
    files: Mapping[str, str]

    def key(self) -> str:
        """Return what tells images of different recipes apart."""
        steps = [RELEASE, INSTALL, list(self.packages), sorted(self.files.items())]
        return hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:16]


def recipe() -> Recipe:
    """Return the recipe on this machine."""
    files = {
        "etc/cloud/cloud.cfg.d/99-rehearsal.cfg": CLOUD_INIT,
        "etc/systemd/system.conf.d/certificates.conf": ENVIRONMENT.format(bundle=BUNDLE),
        # Nothing is started in a directory that is not running.
        "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
        **_read("usr/local/share/ca-certificates", "*.crt"),
        **{name: text for name, text in _read("etc/apt/apt.conf.d", "*").items() if "Invoke" not in text},
        **_read("etc", "pip.conf"),
        **_sources(),
    }
    return Recipe(PACKAGES, files)


class RootFilesystem:
    """The image on this machine.

    Args:
        cache: the directory that images are kept in.
        say: is told when an image has to be built.
    """

    def __init__(self, cache: Path, say: Callable[[str], object]) -> None:
        self._cache = cache
        self._say = say

    def ready(self, wanted: Recipe) -> Path:
        """Return the directory of an image; it is built if it is not there yet, which takes a minute.

        Raises:
            YolopsError: it cannot be built.
        """
        place = self._cache / wanted.key()
        if place.is_dir():
            return place
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            if not place.is_dir():
                self._say(f"building the image of the instances in {place} (a minute, once on this machine) ...")
                self._build(wanted, place)
        return place

    def _build(self, wanted: Recipe, place: Path) -> None:
        draft = place.with_name(f"{place.name}.new")
        if draft.exists():
            # A killed build may have left something mounted there, through which nothing may be deleted.
            process.run(["sh", "-c", 'umount --lazy "$1"/proc "$1"/sys 2>&1 || :', "sh", str(draft)], timeout=60)
            shutil.rmtree(draft)
        _done("debootstrap", "--variant=minbase", "--include=ca-certificates", RELEASE, str(draft), MIRROR)
        for name, text in wanted.files.items():
            file = draft / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            if text.startswith("#!"):
                file.chmod(0o755)
        (draft / "etc/resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
        # A mount namespace of its own: what is mounted for the build is gone with it, however it ends.
        script = 'mount -t proc proc "$1/proc" && exec chroot "$@"'
        _done(
            *("unshare", "--mount", "--propagation=private", "sh", "-euc", script, "sh", str(draft)),
            *("sh", "-euc", INSTALL, "sh", *wanted.packages),
        )
        (draft / "etc/resolv.conf").unlink()
        draft.rename(place)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one rehearsal of this machine build at a time; the others then find what it built."""
        with (self._cache / "lock").open("w") as stream:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
            yield


def cache_directory() -> Path:
    """Return where this user keeps images."""
    return Path.home() / ".cache" / "yolops" / "instance"


def _done(*argv: str) -> None:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = process.run(argv, env={"PATH": path, "LC_ALL": "C.UTF-8"}, timeout=BUILD_PATIENCE_S)
    if done.returncode != 0:
        said = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-8:])
        raise YolopsError(
            f"{argv[0]}: the image of the instances cannot be built\n{said}",
            "check that this machine reaches its package mirror: apt-get update",
        )


def _read(directory: str, pattern: str) -> dict[str, str]:
    return {
        f"{directory}/{file.name}": file.read_text(encoding="utf-8", errors="replace")
        for file in sorted(Path("/", directory).glob(pattern))
        if file.is_file()
    }


def _sources() -> dict[str, str]:
    """Return apt's sources: this machine's own where it runs the same Debian, or else Debian's."""
    found = _read("etc/apt", "sources.list") | _read("etc/apt/sources.list.d", "*.sources")
    same = {
        name: text
        for name, text in found.items()
        if re.search(rf"^[^#]*\b{RELEASE}\b", text, re.M) and "debian" in text
    }
    return same or {"etc/apt/sources.list": SOURCES}
