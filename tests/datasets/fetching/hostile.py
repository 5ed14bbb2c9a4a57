"""Makes archives that want to harm who unpacks them. Each has good members in front, which must not stay either."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

GOOD = [("data.yaml", b"train: images\nnames: [cat]\n"), ("images/a.png", b"\x89PNG" + bytes(range(256)) * 20)]
PACKERS: list[Callable[[bytes], bytes]] = [
    bytes,
    gzip.compress,
    bz2.compress,
    lambda content: lzma.compress(content, preset=0),
]
ODD_LETTERS = "\x01\x1f\x7f\x9b\u202e\u200b\ufeff\u2028"
Entry = tuple[str, bytes]


def names(rng: random.Random, outside: Path) -> list[list[str]]:
    """Return lists of names each of which is hostile."""
    word = f"w{rng.randrange(10**6)}"
    return [
        [f"{'../' * rng.randint(1, 9)}{word}.txt"],
        [f"a/{'../' * rng.randint(2, 9)}{word}.txt"],
        [f"a/b/../../../{word}.txt"],
        [f"{outside}/{word}.txt"],
        [f"//{outside}/{word}.txt"],
        [f"C:{rng.choice('/x')}{word}.txt"],
        [f"..\\{word}.txt"],
        [f"a{rng.choice(ODD_LETTERS)}{word}.txt"],
        [f"{word}.txt", f"{word}.txt"],
        [f"{word}.txt", f"{word.upper()}.TXT"],
        [f"{word}/a.txt", f"{word.upper()}/b.txt"],
        [f"{word}.txt", f"{word}.txt/b.txt"],
        [f"{word}.txt/b.txt", f"{word}.txt"],
        ["é.txt", "e\u0301.txt"],
        ["x" * rng.randint(256, 2000) + ".txt"],
        ["/".join(["d"] * rng.randint(21, 200)) + "/a.txt"],
        [f"{word}.{rng.choice(['zip', 'tar', 'tar.gz', 'TGZ', '7z', 'rar'])}"],
        [f"{word}/{number}.txt" for number in range(300)],
    ]


def zipped(entries: list[Entry], *, method: int = zipfile.ZIP_DEFLATED, modes: dict[str, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as file:
        warnings.simplefilter("ignore", UserWarning)  # of duplicate names
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.filename = name
            info.compress_type = method
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            file.writestr(info, content)
    return buffer.getvalue()


def tarred(entries: list[Entry | tarfile.TarInfo], form: int = tarfile.PAX_FORMAT, end: bool = True) -> bytes:
    buffer = io.BytesIO()
    for entry in entries:
        if isinstance(entry, tarfile.TarInfo):
            buffer.write(entry.tobuf(form))
        elif isinstance(entry[1], bytes):
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            buffer.write(info.tobuf(form) + entry[1] + bytes(-len(entry[1]) % 512))
    return buffer.getvalue() + bytes(1024) * end


def special(name: str, kind: bytes, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def hostile_zips(rng: random.Random, outside: Path) -> Iterator[bytes]:
    for wrong in names(rng, outside):
        yield zipped([*GOOD, *((name, b"evil") for name in wrong)])
    # `ZipInfo` cuts at a NUL, so it is written afterwards.
    yield zipped([*GOOD, ("evil!.txt", b"evil")]).replace(b"evil!.txt", b"evil\0.txt")
    for kind, target in (
        (stat.S_IFLNK, str(outside).encode()),
        (stat.S_IFLNK, b"../.."),
        (stat.S_IFCHR, b""),
        (stat.S_IFIFO, b""),
    ):
        yield zipped(
            [*GOOD, ("images/link", target), ("images/link/x.txt", b"evil")], modes={"images/link": kind | 0o777}
        )
        yield zipped([*GOOD, ("link.txt", target)], modes={"link.txt": kind | 0o777})
    yield zipped([*GOOD, ("labels/a.txt", bytes(rng.randint(2, 4) * 1024**2))])
    yield zipped([*GOOD, *((f"labels/{number}.txt", bytes(99_000)) for number in range(30))])
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield zipped(GOOD, method=method)
    good = bytearray(zipped(GOOD))
    for bit in (0x1, 0x41, 0x2000):  # encrypted
        locked = bytearray(good)
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = locked.rfind(signature) + offset
            locked[at : at + 2] = bit.to_bytes(2, "little")
        yield bytes(locked)
    at = good.rfind(b"PK\x01\x02") + 24  # the size of the last file, as the directory has it
    for size in (0, 10, 2**31, 2**32 - 2):
        lying = bytearray(good)
        lying[at : at + 4] = size.to_bytes(4, "little")
        yield bytes(lying)
    twice = bytearray(good)  # two entries share one file's bytes
    second = twice.rfind(b"PK\x01\x02") + 42
    twice[second : second + 4] = bytes(4)
    yield bytes(twice)
    yield bytes(good[: rng.randint(1, len(good) - 1)])
    end = good.rfind(b"PK\x05\x06")
    vast = bytearray(good)
    vast[end + 12 : end + 16] = (2**31).to_bytes(4, "little")  # the size of its directory
    yield bytes(vast)


def hostile_tars(rng: random.Random, outside: Path) -> Iterator[bytes]:
    form = rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    pack = rng.choice(PACKERS)
    for wrong in names(rng, outside):
        yield pack(tarred([*GOOD, *((name, b"evil") for name in wrong)], form))
    for kind, link in (
        (tarfile.SYMTYPE, str(outside)),
        (tarfile.SYMTYPE, "../.."),
        (tarfile.SYMTYPE, "images"),
        (tarfile.LNKTYPE, f"{outside}/precious.txt"),
        (tarfile.LNKTYPE, "data.yaml"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
    ):
        yield pack(tarred([*GOOD, special("link.txt", kind, link), ("link.txt/x.txt", b"evil")], form))
    bomb = tarred([*GOOD, ("labels/a.txt", bytes(rng.randint(2, 4) * 1024**2))])
    yield rng.choice(PACKERS[1:3])(bomb)  # one by xz takes a second to make
    yield pack(tarred([*GOOD, special("labels/a.txt", tarfile.REGTYPE, size=2**40)]))
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        yield pack(tarred([*GOOD, special("x", kind, size=900_000)], end=False) + bytes(900_000))
        flood = tarfile.TarInfo("x")
        flood.type, flood.size = kind, 512
        yield pack(
            tarred(GOOD, end=False) + (flood.tobuf(tarfile.USTAR_FORMAT) + b"9 a=bcde\n".ljust(512, b"\n")) * 1500
        )
    for key, value in (
        ("path", f"../{rng.random()}.txt"),
        ("size", "-512"),
        ("size", "9" * 30),
        ("GNU.sparse.realsize", str(2**50)),
    ):
        info = tarfile.TarInfo("labels/a.txt")
        info.pax_headers, info.size = (
            {key: value, "GNU.sparse.major": "1", "GNU.sparse.minor": "0"} if "sparse" in key else {key: value},
            4,
        )
        yield pack(tarred([*GOOD, info], end=False) + b"evil".ljust(512, b"\0") + bytes(1024))
    negative = bytearray(tarfile.TarInfo("labels/a.txt").tobuf(tarfile.GNU_FORMAT))
    negative[124:136] = b"\xff" * 11 + b"\x00"
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative)
    yield pack(tarred(GOOD, end=False) + bytes(negative) + bytes(1024))
    yield pack(tarred(GOOD, end=False))  # cut between two members
    yield pack(tarred(GOOD, end=False) + b"\x01" * 700)
    whole = pack(tarred([*GOOD, ("labels/a.txt", rng.randbytes(3000))], end=False))
    yield whole[: rng.randint(1, len(whole) - 1)]
    yield gzip.compress(tarred(GOOD))[:-8] + bytes(8)  # a wrong checksum


def spoilt(rng: random.Random) -> bytes:
    """Return a good archive some bits of which are turned: it may still be good."""
    good = rng.choice([zipped, lambda entries: rng.choice(PACKERS)(tarred(entries))])(GOOD)
    content = bytearray(good)
    for _ in range(rng.randint(1, 8)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)
