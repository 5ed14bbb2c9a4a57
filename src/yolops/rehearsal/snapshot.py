"""What the simulated AWS holds, kept while its process is away.

moto keeps everything in memory. Its recorder, which replays requests, is no way to keep it: identifiers are drawn anew,
in the order in which requests happen to arrive, so that no Terraform state would fit; every byte that was ever uploaded
stays in the recording; and a start takes as long as all that was done since. The backends themselves are pickled, in
one piece, so that what refers to one another still does. What pickle cannot write is little and named below.

A pickle runs code when it is read. This one is read only if it belongs to the user who reads it and nobody else may
write it, and it is made by the same moto and Python.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import marshal
import os
import pickle
import platform
import stat
import threading
import types
import weakref
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from moto.core.base_backend import BackendDict

from yolops.errors import YolopsError
from yolops.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAIN_DICTIONARIES = (dict, defaultdict, OrderedDict)
RESET = "yolops rehearsal reset"

# (module, name in it, account, region) -> backend
Contents = dict[tuple[str, str, str, str], Any]


def save(file: Path) -> None:
    """Write everything down; nobody may change anything meanwhile.

    Args:
        file: where to; replaced whole or not at all.
    """
    with whole_file(file) as draft:
        draft.touch(mode=0o600, exist_ok=False)
        with draft.open("r+b") as stream:
            _Pickler(stream, protocol=pickle.HIGHEST_PROTOCOL).dump((_maker(), _contents()))
            stream.flush()
            os.fsync(stream.fileno())


def load(file: Path) -> None:
    """Put everything back as it was written down; does nothing where nothing was.

    Raises:
        YolopsError: the file may be somebody else's, or is from another moto.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "rb") as stream:
        about = os.fstat(stream.fileno())
        if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise YolopsError(f"{file}: others could have written it, so it is not read", RESET)
        try:
            maker, contents = pickle.load(stream)  # noqa: S301 - only this user can have written it
        except Exception as error:
            raise YolopsError(f"{file}: cannot be read ({type(error).__name__}: {error})", RESET) from error
    if maker != _maker():
        raise YolopsError(f"{file}: it was written by {maker}, and this is {_maker()}", RESET)
    for (module, name, account, region), backend in contents.items():
        regions = getattr(importlib.import_module(module), name)[account]
        # moto's own way to set one would refuse some regions.
        dict.__setitem__(regions, region, backend)


def _maker() -> str:
    return f"moto {importlib.metadata.version('moto')} on Python {platform.python_version()}"


def _contents() -> Contents:
    contents: Contents = {}
    for dictionary in list(BackendDict._instances):
        module = dictionary.backend.__module__
        name = next(name for name, value in vars(importlib.import_module(module)).items() if value is dictionary)
        for account, regions in dictionary.items():
            contents |= {(module, name, account, region): backend for region, backend in regions.items()}
    return contents


class _Pickler(pickle.Pickler):
    """Writes what pickle alone cannot."""

    def reducer_override(self, obj: object) -> Any:
        for kind, reduced in REDUCTIONS:
            if isinstance(obj, kind):
                return reduced(obj)
        return NotImplemented


def _reduced_function(function: Any) -> Any:
    """Only a function with a name can be imported again."""
    if "<" not in function.__qualname__ or function.__closure__ is not None:
        return NotImplemented
    return _function, (function.__module__, marshal.dumps(function.__code__), function.__defaults__)


def _reduced_dictionary(dictionary: Any) -> Any:
    """Pickle would ask its constructor, and its `items`: some of moto's show only the newest of what they hold."""
    if type(dictionary) in PLAIN_DICTIONARIES:
        return NotImplemented
    factory = getattr(dictionary, "default_factory", None)
    return _bare, (type(dictionary), factory), (dict(dict.items(dictionary)), vars(dictionary)), None, None, _fill


def _reduced_key(key: Any) -> Any:
    return _key, (key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),)


def _key(pem: bytes) -> Any:
    """Return a private key again; the library's own function cannot be imported by its name."""
    return load_pem_private_key(pem, None)


def _certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


REDUCTIONS: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (type(threading.Lock()), lambda _: (threading.Lock, ())),  # nobody holds one now
    (type(threading.RLock()), lambda _: (threading.RLock, ())),
    (types.GeneratorType, lambda _: (iter, ((),))),  # half-read pages
    (types.FunctionType, _reduced_function),
    (dict, _reduced_dictionary),
    (weakref.WeakValueDictionary, lambda weak: (weakref.WeakValueDictionary, (dict(weak),))),
    (x509.Certificate, lambda made: (_certificate, (made.public_bytes(Encoding.PEM),))),
    (RSAPrivateKey, _reduced_key),
    (EllipticCurvePrivateKey, _reduced_key),
)


def _bare(kind: Any, factory: Any) -> Any:
    """Return an empty dictionary of a kind, without asking its constructor."""
    made = kind.__new__(kind)
    if factory is not None:
        made.default_factory = factory
    return made


def _fill(made: Any, state: tuple[dict[Any, Any], dict[str, Any]]) -> None:
    """Put everything into a dictionary, past whatever it does when something is put into it."""
    dict.update(made, state[0])
    vars(made).update(state[1])


def _function(module: str, code: bytes, defaults: tuple[Any, ...] | None) -> types.FunctionType:
    """Return a function again that has no name by which it could be imported; the Python is the same."""
    names = vars(importlib.import_module(module))
    return types.FunctionType(marshal.loads(code), names, argdefs=defaults)  # noqa: S302 - see above
