"""Pickles that would run something, were they read by an unpickler that looks up what it is told to.

Each makes a file, the canary, when its command is run. They are spelled with each instruction that can look up or call,
at each protocol that has it, for a shell, an interpreter, an importer, a file, or an object of this product.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import struct
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np

__all__ = ["COMPRESSIONS", "malicious"]


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _command(canary: Path) -> str:
    return f"touch {canary}"


def _code(canary: Path) -> str:
    return f"open({str(canary)!r}, 'w').close()"


Target = tuple[str, str, Callable[[Path], bytes]]


def _targets() -> list[Target]:
    """Return what may be called: module, name, the arguments as pickled items."""
    return [
        ("os", "system", lambda c: _text(_command(c))),
        ("posix", "system", lambda c: _text(_command(c))),
        ("os", "mkdir", lambda c: _text(str(c))),
        ("subprocess", "getoutput", lambda c: _text(_command(c))),
        ("subprocess", "Popen", lambda c: b"]" + _text("touch") + b"a" + _text(str(c)) + b"a"),
        ("builtins", "eval", lambda c: _text(_code(c))),
        ("builtins", "exec", lambda c: _text(_code(c))),
        ("builtins", "open", lambda c: _text(str(c)) + _text("w")),
        ("builtins", "__import__", lambda _: _text("antigravity_of_no_module")),
        ("io", "open", lambda c: _text(str(c)) + _text("w")),
        ("pathlib", "Path.touch", lambda _: b"c__builtin__\nobject\n"),
        ("runpy", "run_path", lambda c: _text(str(c))),
        ("timeit", "timeit", lambda c: _text(_code(c))),
        ("importlib", "import_module", lambda _: _text("this")),
        ("numpy", "memmap", lambda c: _text(str(c)) + _text("float32") + _text("w+")),
        ("numpy.testing", "rundocs", lambda c: _text(str(c))),
        ("numpy", "load", lambda c: _text(str(c))),
        ("joblib", "load", lambda c: _text(str(c))),
        ("ai_models.core.paths", "write_text", lambda c: _text(str(c)) + _text("x")),
        ("ai_models.core.paths", "write_bytes", lambda c: _text(str(c)) + b"C\x01x"),
    ]


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _stack_global(module: str, name: str) -> bytes:
    return _text(module) + _text(name) + b"\x93"


def _reduced(module: str, name: str, arguments: bytes) -> bytes:
    return b"\x80\x02" + _global(module, name) + b"(" + arguments + b"tR."


def _stack_reduced(module: str, name: str, arguments: bytes) -> bytes:
    return b"\x80\x04" + _stack_global(module, name) + b"(" + arguments + b"tR."


def _instance(module: str, name: str, arguments: bytes) -> bytes:
    return b"(" + arguments + f"i{module}\n{name}\n.".encode()


def _object(module: str, name: str, arguments: bytes) -> bytes:
    return b"\x80\x02(" + _global(module, name) + arguments + b"o."


def _made(module: str, name: str, arguments: bytes) -> bytes:
    return b"\x80\x02" + _global(module, name) + b"(" + arguments + b"t\x81."


SPELLINGS = (_reduced, _stack_reduced, _instance, _object, _made)


def _special(canary: Path) -> list[bytes]:
    """Return those that go by means of what is allowed."""
    system = _global("os", "system") + b"(" + _text(_command(canary)) + b"tR"
    classifier = _global("ai_models.classifier", "HybridClassifier")
    generator = _global("numpy.random._pickle", "__generator_ctor")
    header = _global("joblib.numpy_pickle", "NumpyArrayWrapper")
    dtype = _global("numpy", "dtype") + b"(" + _text("O8") + b"\x89\x88tR"
    items = {
        "subclass": _global("numpy", "ndarray"), "shape": b"K\x01\x85", "order": _text("C"), "dtype": dtype,
        "allow_mmap": b"\x89", "numpy_array_alignment_bytes": b"K\x10",
    }  # fmt: skip
    state = b"}(" + b"".join(_text(name) + value for name, value in items.items()) + b"u"
    huge = state.replace(b"O8", b"f8").replace(b"K\x01\x85", b"J\xff\xff\xff\x7f\x85")
    return [
        # the constructor of a generator calls the second thing that it is given
        b"\x80\x02" + generator + b"(" + _text(str(canary)) + _global("numpy", "memmap") + b"tR.",
        b"\x80\x02" + generator + b"(" + _text(_command(canary)) + _global("os", "system") + b"tR.",
        # an array of objects is a pickle within the pickle
        b"\x80\x02" + header + b")\x81" + state + b"b\x80\x02" + system + b"..",
        # a class is given a method; a name with dots; a name of nothing
        b"\x80\x02" + classifier + b"N}" + _text("__setstate__") + _global("os", "system") + b"s\x86b.",
        b"\x80\x04" + _stack_global("ai_models.classifier", "os.system") + b"(" + _text(_command(canary)) + b"tR.",
        b"\x80\x02" + _global("ai_models.classifier", "HybridClassifier.__init__.__globals__") + b".",
        # the registry of extensions; identifiers of something elsewhere; buffers from outside
        b"\x80\x02\x82\x01(" + _text(_command(canary)) + b"tR.",
        b"\x80\x02" + _text("os.system") + b"Q.",
        b"Pos.system\n.",
        b"\x80\x05\x97.",
        # a name is called that is there to be handed on; one is made that is there to be called
        b"\x80\x02" + _global("numpy", "ndarray") + b"(K\x01\x85tR.",
        b"\x80\x02" + _global("builtins", "slice") + b"(K\x01t\x81.",
        # a number that is an object; an item that reaches out of itself
        b"\x80\x02" + _global("numpy._core.multiarray", "scalar") + b"(" + dtype + system + b"tR.",
        # something other than a classifier; nothing; a second object behind the first
        b"\x80\x02}.",
        b"",
        pickle.dumps({"a": 1}) + b"\x80\x02" + system + b".",
        # deep recursion, a huge array, a huge number
        b"\x80\x02" + b"(" * 50_000 + b"t" * 50_000 + b".",
        b"\x80\x02" + header + b")\x81" + huge + b"b.",
        b"\x80\x02\x8b\x04\x00\x00\x7f" + b"\xff" * 10 + b".",
        np.array([1, {"a": 2}], dtype=object).dumps(),
    ]  # fmt: skip


def malicious(canary: Path) -> list[bytes]:
    """Return 120 pickles, none of which may get as far as making the file `canary`."""
    made = [
        spell(module, name, arguments(canary)) for spell, (module, name, arguments) in product(SPELLINGS, _targets())
    ]
    return made + _special(canary)


def _old_joblib(data: bytes) -> bytes:
    """Return what joblib wrote before version 0.10."""
    return b"ZF" + hex(len(data)).ljust(19).encode() + zlib.compress(data)


def _lz4(data: bytes) -> bytes:
    try:
        from lz4 import frame
    except ModuleNotFoundError:  # the head of such a file, by which it is known
        return b"\x04\x22\x4d\x18" + data
    return bytes(frame.compress(data))


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "xz": lzma.compress,
    "lz4": _lz4,
    "none": lambda data: data,
    "before 0.10": _old_joblib,
}
