"""A public authority on loopback: Let's Encrypt's own test server, whose resolver answers out of simulated Route 53."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import ssl
import struct
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import HOST, signed
from tests.rehearsal.conftest import Aws, wait_for
from yolops.rehearsal.steady_port import steady_port

MISSING = [name for name in ("certbot", "pebble") if shutil.which(name) is None]
TXT, INTERNET = 16, 1


@dataclass(frozen=True)
class Authority:
    """A running authority.

    Attributes:
        directory_url: what certbot is told.
        server_root: who signed for the authority's own HTTPS.
        root: who signs what it issues, in PEM.
    """

    directory_url: str
    server_root: Path
    root: str


@contextmanager
def public_authority(aws: Aws, zone: str, place: Path) -> Iterator[Authority]:
    """Run one that looks records up in a hosted zone, until the block ends."""
    files = signed(place / "tls")
    port, management = (steady_port(place / name) for name in ("port", "management-port"))
    settings = {
        "listenAddress": f"{HOST}:{port}",
        "managementListenAddress": f"{HOST}:{management}",
        "certificate": str(files.certificate),
        "privateKey": str(files.key),
        "httpPort": 1,
        "tlsPort": 1,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
    (place / "pebble.json").write_text(json.dumps({"pebble": settings}))
    environ = {"PATH": os.environ["PATH"], "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    context = ssl.create_default_context(cafile=str(files.root))

    def root() -> str:
        with urllib.request.urlopen(f"https://{HOST}:{management}/roots/0", timeout=5, context=context) as answer:
            return str(answer.read().decode())

    def answers() -> bool:
        try:
            return bool(root())
        except OSError:
            return False

    with _resolver(aws, zone) as resolver, (place / "pebble.log").open("wb") as log:
        argv = ["pebble", "-config", str(place / "pebble.json"), "-dnsserver", resolver, "-strict"]
        with subprocess.Popen(argv, env=environ, stdout=log, stderr=log) as process:
            try:
                wait_for(answers, True, 30)
                yield Authority(f"https://{HOST}:{port}/dir", files.root, root())
            finally:
                process.terminate()


@contextmanager
def _resolver(aws: Aws, zone: str) -> Iterator[str]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, socket = self.request
            socket.sendto(_answer(query, records(aws, zone)), self.client_address)

    with socketserver.ThreadingUDPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def records(aws: Aws, zone: str) -> dict[str, list[str]]:
    """Return the TXT records of a zone, by name."""
    found = aws.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {
        one["Name"].rstrip("."): [item["Value"].strip('"') for item in one["ResourceRecords"]]
        for one in found
        if one["Type"] == "TXT"
    }


def _answer(query: bytes, texts: dict[str, list[str]]) -> bytes:
    """Return the answer of a name server (RFC 1035, section 4.1)."""
    end = query.index(b"\0", 12) + 5
    labels, rest = [], query[12 : end - 5]
    while rest:
        labels.append(rest[1 : rest[0] + 1].decode())
        rest = rest[rest[0] + 1 :]
    (kind,) = struct.unpack("!H", query[end - 4 : end - 2])
    found = texts.get(".".join(labels).lower(), []) if kind == TXT else []
    answers = b"".join(
        struct.pack("!HHHIHB", 0xC00C, TXT, INTERNET, 0, len(text) + 1, len(text)) + text.encode() for text in found
    )
    return query[:2] + struct.pack("!HHHHH", 0x8580, 1, len(found), 0, 0) + query[12:end] + answers


def data_path(aws: Aws, place: Path) -> Path:
    """Return a directory that leads Debian's botocore, too old for AWS_ENDPOINT_URL, to simulated Route 53."""
    api = place / "route53" / "2013-04-01"
    api.mkdir(parents=True)
    types = {"Region": "String", "UseDualStack": "Boolean", "UseFIPS": "Boolean", "Endpoint": "String"}
    built_in = {"Region": "AWS::Region", "UseDualStack": "AWS::UseDualStack", "UseFIPS": "AWS::UseFIPS"}
    rules = {
        "version": "1.0",
        "parameters": {
            name: {"builtIn": built_in.get(name, "SDK::Endpoint"), "required": False, "documentation": "", "type": kind}
            for name, kind in types.items()
        },
        "rules": [
            {"conditions": [], "type": "endpoint", "endpoint": {"url": aws.url, "properties": {}, "headers": {}}}
        ],
    }
    (api / "endpoint-rule-set-1.json").write_text(json.dumps(rules))
    return place
