"""An unpickler that makes models and nothing else: by a list of names, each of which may be used in its own way alone.

A pickle is a program. This one may look up the names of `ALLOWED` (and those that the user added), call those that are
marked as called, make instances of those that are marked as made, and use no other means: no extension registry, no
persistent identifiers, no changing of classes. Arrays are read here, bounded by the bytes that are there; arrays of
objects are unpickled by the same rules. Nothing of it makes bytes of a stranger safe to run for certain, which is why
signature, hash and versions come first.
"""

from __future__ import annotations

import io
import math
import pickle
import types
import zlib
from collections.abc import Collection
from typing import Any, ClassVar, NoReturn

import numpy as np

from ai_models.artifacts.allowed_names import ALLOWED
from ai_models.artifacts.stand_ins import STAND_INS, ArrayHeader, require_sound
from ai_models.core.errors import BundleError

__all__ = ["MOST_BYTES", "names_of_its_own", "trace", "unpickle"]

MOST_BYTES = 2**31
"""Most bytes that a file may take once it is decompressed."""

_ARRAY_STATE = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


_InPython: Any = pickle._Unpickler  # joblib's choice too: arrays lie amid the code


class _Unpickler(_InPython):
    dispatch: ClassVar[dict[int, Any]] = dict(_InPython.dispatch)

    def __init__(
        self, stream: io.BytesIO, names: Collection[str], trace: dict[tuple[str, str], set[str]] | None
    ) -> None:
        super().__init__(stream)
        self._stream, self._names, self._trace = stream, names, trace
        self._looked_up: dict[int, tuple[tuple[str, str], object]] = {}

    def find_class(self, module: str, name: str) -> Any:
        asked = (module, name)
        if name not in ALLOWED.get(module, {}) and f"{module}:{name}" not in self._names and self._trace is None:
            raise BundleError(f"it holds {module}.{name}, which no model is made of")
        found = STAND_INS[asked] if asked in STAND_INS else super().find_class(module, name)
        self._looked_up[id(found)] = (asked, found)
        if self._trace is not None:
            self._trace.setdefault(asked, set()).add("named")
        return found

    def _used(self, what: object, how: str) -> None:
        """Refuse a use of what was looked up that its name is not listed with."""
        asked = self._looked_up.get(id(what), (None, None))[0]
        if asked is not None and self._trace is not None:
            self._trace.setdefault(asked, set()).add(how)
            return
        if asked is None:
            raise BundleError("it uses something that was not looked up")
        module, name = asked
        listed = how in ALLOWED.get(module, {}).get(name, "").split()
        if not listed and f"{module}:{name}" not in self._names:
            raise BundleError(f"it uses {module}.{name} as no model does")

    def persistent_load(self, pid: object) -> NoReturn:
        raise BundleError("it refers to something outside")

    def get_extension(self, code: int) -> NoReturn:
        raise BundleError("it refers to the registry of extensions")

    def load_reduce(self) -> None:
        self._used(self.stack[-2], "called")
        super().load_reduce()

    def load_newobj(self) -> None:
        self._used(self.stack[-2], "made")
        super().load_newobj()

    def load_newobj_ex(self) -> None:
        self._used(self.stack[-3], "made")
        super().load_newobj_ex()

    def refuse(self) -> NoReturn:
        raise BundleError("it uses an instruction that no model needs")

    def load_build(self) -> None:
        target = self.stack[-2]
        if isinstance(target, (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)):
            raise BundleError("it changes what is not its own")
        super().load_build()
        if isinstance(target, np.dtype):
            require_sound(target)
        if isinstance(self.stack[-1], ArrayHeader):
            self.stack.append(self._array(dict(vars(self.stack.pop()))))

    def _array(self, header: dict[str, Any]) -> np.ndarray[Any, Any]:
        """Read the bytes of an array, which follow its header."""
        shape: Any
        dtype: Any
        shape, dtype, order = header.get("shape"), header.get("dtype"), header.get("order")
        sound = set(header) == _ARRAY_STATE and header["subclass"] is np.ndarray and isinstance(dtype, np.dtype)
        sound = sound and type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape) and order in ("C", "F")
        if not sound or header["numpy_array_alignment_bytes"] != 16:
            raise BundleError("an array in it is not as it was written")
        if dtype.hasobject:
            found = _Unpickler(self._stream, self._names, self._trace).load()
            if type(found) is not np.ndarray or found.shape != shape:
                raise BundleError("an array in it is not as it was written")
            return found
        self._stream.read(self._stream.read(1)[0])  # what was put there so that the array lies evenly
        size, start = math.prod(shape) * dtype.itemsize, self._stream.tell()
        if size > self._stream.seek(0, io.SEEK_END) - start:
            raise BundleError("an array in it is cut off")
        self._stream.seek(start)
        data = np.empty(size, dtype=np.uint8)
        self._stream.readinto(data.data)
        flat: np.ndarray[Any, Any] = data.view(dtype)
        return flat.reshape(shape[::-1]).transpose() if order == "F" else flat.reshape(shape)


_Unpickler.dispatch |= {
    pickle.REDUCE[0]: _Unpickler.load_reduce,
    pickle.NEWOBJ[0]: _Unpickler.load_newobj,
    pickle.NEWOBJ_EX[0]: _Unpickler.load_newobj_ex,
    pickle.BUILD[0]: _Unpickler.load_build,
    **{
        code[0]: _Unpickler.refuse
        for code in (
            pickle.INST, pickle.OBJ, pickle.PERSID, pickle.BINPERSID, pickle.EXT1, pickle.EXT2, pickle.EXT4,
            pickle.NEXT_BUFFER, pickle.READONLY_BUFFER,
        )
    },
}  # fmt: skip


def unpickle(data: bytes, place: object, names: Collection[str] = ()) -> Any:
    """Return the object that `joblib.dump` wrote with zlib.

    Parameters
    ----------
    data
        The bytes of the file, checked already.
    place
        Where they are from, for the sentence.
    names
        Further classes and functions that may be used, as ``module:name``.

    Raises
    ------
    BundleError
        When it is compressed otherwise, damaged, or does what no model does; then nothing of that was done.
    """
    return _unpickled(data, place, names, None)


def trace(data: bytes) -> dict[tuple[str, str], set[str]]:
    """Return the names that a pickle uses, and how: only for bytes that were pickled just now, for all of it is run."""
    found: dict[tuple[str, str], set[str]] = {}
    _unpickled(data, "model", (), found)
    return found


def names_of_its_own(data: bytes) -> tuple[str, ...]:
    """Return what a pickle uses beyond `ALLOWED`, as ``module:name``; as `trace`."""
    used = trace(data)
    return tuple(
        sorted(
            f"{module}:{name}"
            for (module, name), how in used.items()
            if not how <= {"named", *ALLOWED.get(module, {}).get(name, "").split()}
            or name not in ALLOWED.get(module, {})
        )
    )


def _unpickled(
    data: bytes, place: object, names: Collection[str], trace: dict[tuple[str, str], set[str]] | None
) -> Any:
    try:
        stream = io.BytesIO(_decompressed(data))
        found = _Unpickler(stream, names, trace).load()
        if stream.read(1):
            raise BundleError("something follows its end")
        return found
    except Exception as error:  # a damaged pickle may raise whatever the classes that it names raise
        why = str(error) or type(error).__name__
        raise BundleError(
            f"'{place}' is not a model that this version could have written ({why}): do not use it; a model with "
            "classes of your own needs them named in AMULET_AI_TRUSTED_NAMES, as module:name"
        ) from error


def _decompressed(data: bytes) -> bytes:
    if data[:2] not in _ZLIB:
        raise BundleError("it is not compressed with zlib")
    reader = zlib.decompressobj()
    content = reader.decompress(data, MOST_BYTES)
    if not reader.eof or reader.unused_data or reader.unconsumed_tail:
        raise BundleError("its compressed bytes are cut off, too many, or followed by others")
    return content
