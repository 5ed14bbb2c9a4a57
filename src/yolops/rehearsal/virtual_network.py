"""The network of a simulated VPC: instances on a bridge, names and addresses by dnsmasq, the way out by slirp4netns.

    instance -- bridge vpc0 -- [ namespace of the VPC ] -- tap0 -- slirp4netns, an ordinary process -- this machine

Everything is inside one network namespace that lives as long as its processes, so that two rehearsals may use the same
addresses, nothing of this machine's own network is changed, and nothing is left when they end, however they end.

An instance reaches the internet, as it would in AWS, and of this machine exactly what stands for AWS: its host names
lead to an address of the namespace, from where nft hands connections on to ports of 127.0.0.1. So do those of Let's
Encrypt, which must not be asked in vain for a name that may be a real one. The rest of 127.0.0.1 is out of reach.
Nothing of this machine reaches an instance but through the namespace (`elastic_address.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from yolops import process, running_processes
from yolops.rehearsal.network_namespace import NetworkNamespace, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROGRAMS: Mapping[str, str] = {
    "dnsmasq": "dnsmasq-base",
    "ip": "iproute2",
    "nft": "nftables",
    "slirp4netns": "slirp4netns",
}
METADATA = "169.254.169.254"
PUBLIC_AUTHORITY = "letsencrypt.org"
AWS_DOMAINS = ("amazonaws.com", "aws.amazon.com", "api.aws", PUBLIC_AUTHORITY)
# A network for tests of equipment (RFC 2544), which no VPC has: the namespace's own, and what stands for services.
OUTSIDE = IPv4Network("198.18.0.0/24")
THIS_MACHINE, NAME_SERVER = OUTSIDE[2], OUTSIDE[3]
SERVICES = IPv4Network("198.18.1.0/24")
HTTPS = 443
MTU = 1500
PATIENCE_S = 3.0


@dataclass(frozen=True)
class Service:
    """Something on 127.0.0.1 of this machine that instances reach by a name.

    Attributes:
        names: the host names; a name stands for all below it as well.
        port: the port it has there.
        local_port: its port on 127.0.0.1.
    """

    names: tuple[str, ...]
    port: int
    local_port: int


@dataclass(frozen=True)
class Interface:
    """The network interface of an instance.

    Attributes:
        address: its private address.
        host: its private host name.
    """

    address: str
    host: str

    @property
    def mac(self) -> str:
        """Its hardware address: locally administered, and as unique as its address."""
        return "02:00:" + ":".join(f"{byte:02x}" for byte in IPv4Address(self.address).packed)

    @property
    def port(self) -> str:
        """The name of its end at the bridge."""
        return f"i{int(IPv4Address(self.address)):08x}"


@dataclass
class VirtualNetwork:
    """The network of one VPC.

    Args:
        directory: where its programs keep their files.
        cidr: the addresses of the VPC.

    Attributes:
        namespace: where it is.
    """

    directory: Path
    cidr: IPv4Network
    namespace: NetworkNamespace = field(init=False)
    _programs: list[running_processes.ProcessIdentity] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.namespace = NetworkNamespace(self.directory / "namespace.log")

    def open(self) -> None:
        """Make it.

        Raises:
            YolopsError: a program it needs fails.
        """
        for name in ("interfaces", "names"):
            (self.directory / name).mkdir(exist_ok=True)
            for file in (self.directory / name).iterdir():
                file.unlink()
        self.namespace.open()
        for line in bridge(self.cidr):
            self.namespace.do("ip", *line.split())
        self._start("slirp4netns", *way_out(self.namespace.path))
        outside, log = self.namespace.command("ip", "addr", "show", "tap0"), self.directory / "slirp4netns.log"
        wait_for(
            lambda: str(OUTSIDE[100]) in process.run(outside, timeout=PATIENCE_S).stdout,
            f"no way out of the VPC; read {log}",
        )
        (self.directory / "dnsmasq.conf").write_text(names(self.directory, self.cidr), encoding="utf-8")
        dnsmasq = ("dnsmasq", "--keep-in-foreground", f"--conf-file={self.directory / 'dnsmasq.conf'}")
        self._start("dnsmasq", *self.namespace.command(*dnsmasq))
        self.serve(())

    def serve(self, services: Sequence[Service]) -> None:
        """Let instances reach these services of this machine, and no others."""
        rules = self.directory / "rules.nft"
        rules.write_text(firewall(services), encoding="utf-8")
        self.namespace.do("nft", "--file", str(rules))
        for number, service in enumerate(services):
            # Read by dnsmasq as soon as it is written.
            lines = [f"{address_of(number)} {name}\n" for name in service.names]
            (self.directory / "names" / str(number)).write_text("".join(lines), encoding="utf-8")

    def expect(self, interface: Interface) -> None:
        """Give an instance its address when it asks for one."""
        line = f"{interface.mac},{interface.address},{interface.host.partition('.')[0]},infinite\n"
        (self.directory / "interfaces" / interface.port).write_text(line, encoding="utf-8")

    def close(self) -> None:
        """End everything of it."""
        for program in self._programs:
            running_processes.stop(program, PATIENCE_S)
        self._programs.clear()
        self.namespace.close()

    def _start(self, name: str, *argv: str) -> None:
        self._programs.append(process.start_background(argv, log=self.directory / f"{name}.log"))


def address_of(number: int) -> IPv4Address:
    """Return the address at which instances reach a service."""
    return SERVICES[number + 1]


def router(cidr: IPv4Network) -> IPv4Address:
    """Return the address of a VPC's router, which AWS gives to no instance."""
    return cidr[1]


def bridge(cidr: IPv4Network) -> list[str]:
    """Return what `ip` has to do for a VPC; its subnets are one network here, since its router would join them."""
    return [
        f"link add vpc0 mtu {MTU} type bridge",
        f"addr add {router(cidr)}/{cidr.prefixlen} dev vpc0",
        f"addr add {METADATA}/32 dev vpc0",
        "link set vpc0 up",
    ]


def way_out(namespace: str) -> list[str]:
    """Return the command that joins a namespace to this machine's network."""
    return [
        *("slirp4netns", "--configure", f"--mtu={MTU}", f"--cidr={OUTSIDE}"),
        *("--netns-type=path", namespace, "tap0"),
    ]


def names(directory: Path, cidr: IPv4Network) -> str:
    """Return the settings of dnsmasq: what leads to simulated AWS, and who gets which address."""
    lines = [
        *("no-hosts", "no-resolv", f"server={NAME_SERVER}", "user=root", "no-ping", "dhcp-authoritative"),
        *("interface=vpc0", "except-interface=lo", "bind-interfaces", "pid-file"),
        f"dhcp-range={cidr.network_address},static,{cidr.netmask},infinite",
        *("dhcp-option=option:domain-name,ec2.internal", f"dhcp-option=option:mtu,{MTU}", "dhcp-ignore-clid"),
        *(f"dhcp-hostsdir={directory / 'interfaces'}", f"hostsdir={directory / 'names'}"),
        f"dhcp-leasefile={directory / 'leases'}",
        *(f"address=/{domain}/{address_of(0)}" for domain in AWS_DOMAINS),
    ]
    return "\n".join(lines) + "\n"


def firewall(services: Sequence[Service]) -> str:
    """Return the rules of a VPC: a whole, which takes the place of the former ones at once."""
    hand_on = [
        f"    ip daddr {address_of(number)} tcp dport {service.port} dnat to {THIS_MACHINE}:{service.local_port}"
        for number, service in enumerate(services)
    ]
    return "\n".join(
        [
            "table ip vpc",
            "delete table ip vpc",
            "table ip vpc {",
            "  chain prerouting {",
            "    type nat hook prerouting priority dstnat; policy accept;",
            *hand_on,
            "  }",
            "  chain postrouting {",
            "    type nat hook postrouting priority srcnat; policy accept;",
            '    oifname "tap0" masquerade',
            "  }",
            "  chain forward {",
            "    type filter hook forward priority filter; policy accept;",
            "    ct status dnat accept",
            f"    ip daddr {{ {OUTSIDE}, {SERVICES} }} reject",
            "  }",
            "}",
            "",
        ]
    )
