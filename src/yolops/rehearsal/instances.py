"""The instances of simulated EC2 that really boot: each a container in the network of its VPC."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends

from yolops.errors import YolopsError
from yolops.rehearsal import container
from yolops.rehearsal.addresses import reachable
from yolops.rehearsal.backends import backends_of
from yolops.rehearsal.container import Boot, Container, Place
from yolops.rehearsal.elastic_address import Door, ElasticAddresses
from yolops.rehearsal.log import log
from yolops.rehearsal.metadata_service import MetadataService
from yolops.rehearsal.root_filesystem import recipe
from yolops.rehearsal.virtual_network import AWS_DOMAINS, HTTPS, Interface, Service, VirtualNetwork

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from yolops.rehearsal.certificates import Authority
    from yolops.rehearsal.root_filesystem import RootFilesystem

DIRECTORY = "instances"
# A rule that opens a whole range is no list of services.
MOST_PORTS = 16


@dataclass(frozen=True)
class Instance:
    """One instance that is not terminated.

    Attributes:
        name: its ID.
        vpc: the addresses of its VPC.
        interface: its network interface.
        public: its Elastic IP; empty if it has none.
        ports: the ports that its security groups open to others than their own VPC.
        running: whether it should run.
        boots: how often it was told to reboot.
    """

    name: str
    vpc: IPv4Network
    interface: Interface
    public: str
    ports: tuple[int, ...]
    running: bool
    boots: int


def wanted_instances() -> Iterator[Instance]:
    """Yield the instances of EC2 that are not terminated."""
    for backend in backends_of(ec2_backends):
        # Of its interfaces, moto forgets an Elastic IP when the instance is stopped.
        elastic = {item.id: address for item, address in reachable(backend)}
        for reservation in list(backend.reservations.values()):
            for item in reservation.instances:
                if item.state != "terminated":
                    yield Instance(
                        item.id,
                        _network(backend, item),
                        Interface(str(item.private_ip), str(item.private_dns_name)),
                        elastic.get(item.id, ""),
                        tuple(sorted(_open_ports(item))),
                        item.is_running(),
                        getattr(item, "boots", 0),
                    )


def _network(backend: Any, item: Any) -> IPv4Network:
    vpc = IPv4Network(str(backend.get_vpc(item.vpc_id).cidr_block))
    address = IPv4Address(str(item.private_ip))
    # Where no subnet is named, moto draws any private address.
    return vpc if address in vpc else IPv4Network(f"{address}/16", strict=False)


def _open_ports(item: Any) -> set[int]:
    groups = {group.id: group for nic in item.nics.values() for group in nic.group_set}
    rules = [rule for group in groups.values() for rule in group.ingress_rules]
    found: set[int] = set()
    for rule in rules:
        if rule.ip_protocol == "tcp" and (rule.ip_range or rule.prefix_list_id) and rule.from_port is not None:
            first, last = int(rule.from_port), int(rule.to_port)
            found |= set(range(first, last + 1)) if last - first < MOST_PORTS else set()
    return found


@dataclass
class _Vpc:
    network: VirtualNetwork
    metadata: MetadataService


@dataclass
class _Running:
    instance: Instance
    container: Container
    boot: Boot = Boot.BOOTING


@dataclass
class Instances:
    """What runs.

    Args:
        directory: the directory of the rehearsal.
        authority: what instances trust beside the authorities of their image.
        images: the image that they boot.
        aws_port: where simulated AWS is served under its own names.
    """

    directory: Path
    authority: Authority
    images: RootFilesystem
    aws_port: int
    _vpcs: dict[IPv4Network, _Vpc] = field(default_factory=dict, init=False)
    _running: dict[str, _Running] = field(default_factory=dict, init=False)
    _doors: ElasticAddresses = field(default_factory=ElasticAddresses, init=False)
    _services: tuple[Service, ...] = field(default=(), init=False)

    def start(self) -> None:
        """Begin; what an earlier rehearsal left behind is removed."""
        sweep(self.directory)
        self._doors.start()

    def converge(self, wanted: Sequence[Instance], databases: Mapping[str, tuple[int, int]]) -> None:
        """Boot, reboot, shut down and delete until what runs is what is wanted.

        Args:
            wanted: the instances.
            databases: the port of each database by its host name, as instances know it and on 127.0.0.1.
        """
        names = {instance.name: instance for instance in wanted}
        for name, running in list(self._running.items()):
            new = names.get(name)
            if new is None:
                running.container.delete()
                del self._running[name]
            elif not new.running or new.boots != running.instance.boots:
                running.container.stop()
                del self._running[name]
            else:
                running.instance = new
        self._delete_terminated(names.keys())
        self._services = (
            Service(AWS_DOMAINS, HTTPS, self.aws_port),
            *(Service((host,), port, local) for host, (port, local) in databases.items()),
        )
        for vpc in self._vpcs.values():
            vpc.network.serve(self._services)
        for instance in wanted:
            if instance.running and instance.name not in self._running:
                self._boot(instance)
        self._doors.converge(
            {
                Door(instance.public, port, instance.interface.address): self._vpcs[instance.vpc].network.namespace
                for instance in (running.instance for running in self._running.values())
                if instance.public.startswith("127.")
                for port in instance.ports
            }
        )

    def look(self) -> None:
        """See how far each instance is, and start those again that rebooted themselves."""
        for running in self._running.values():
            if running.container.wants_reboot():
                self._start(running)
            running.boot = running.container.boot()

    def settled(self) -> bool:
        """Return whether each instance has booted, or has failed to."""
        return all(running.boot is not Boot.BOOTING for running in self._running.values())

    def inventory(self) -> dict[str, dict[str, str]]:
        """Return how far each instance is, where its log is and where what it has written, by ID."""
        return {
            name: {
                "boot": running.boot.value,
                "log": str(running.container.log),
                "files": str(running.container.files),
            }
            for name, running in list(self._running.items())
        }

    def stop(self) -> None:
        """Shut every instance down and end what is around them; their files stay."""
        self._doors.stop()
        for running in self._running.values():
            running.container.stop()
        self._running.clear()
        for vpc in self._vpcs.values():
            vpc.metadata.stop()
            vpc.network.close()
        self._vpcs.clear()

    def _boot(self, instance: Instance) -> None:
        group = (container.control_groups() or self.directory) / group_name(self.directory, instance.name)
        place = self.directory / DIRECTORY / instance.name
        running = _Running(instance, Container(instance.name, place, group))
        self._running[instance.name] = running
        try:
            self._start(running)
        except (YolopsError, OSError) as error:
            running.boot = Boot.FAILED
            log(f"instance {instance.name}: {error}")

    def _start(self, running: _Running) -> None:
        vpc, interface = self._vpc(running.instance.vpc), running.instance.interface
        vpc.network.expect(interface)
        image = self.images.ready(recipe())
        running.container.start(Place(image, self.authority.root, vpc.network.namespace, interface))

    def _vpc(self, cidr: IPv4Network) -> _Vpc:
        if cidr not in self._vpcs:
            network = VirtualNetwork(self.directory / "networks" / str(cidr).replace("/", "-"), cidr)
            try:
                network.open()
                network.serve(self._services)
                metadata = MetadataService(network.namespace)
            except BaseException:
                network.close()
                raise
            metadata.start()
            self._vpcs[cidr] = _Vpc(network, metadata)
        return self._vpcs[cidr]

    def _delete_terminated(self, names: Collection[str]) -> None:
        place = self.directory / DIRECTORY
        for directory in place.iterdir() if place.is_dir() else ():
            if directory.name not in names:
                shutil.rmtree(directory, ignore_errors=True)


def group_name(directory: Path, instance: str) -> str:
    """Return the name of an instance's control group, which no other rehearsal of this machine has."""
    return f"yolops-{hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:12]}-{instance}"


def sweep(directory: Path) -> None:
    """Remove what instances of a rehearsal leave behind when all of its processes were killed.

    Args:
        directory: the directory of the rehearsal.
    """
    groups = container.control_groups()
    for group in groups.glob(group_name(directory, "*")) if groups is not None else ():
        container.remove_group(group)
