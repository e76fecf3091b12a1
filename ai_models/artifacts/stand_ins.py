"""What takes the place of NumPy's and joblib's own constructors when a model is unpickled: each does one thing only.

NumPy's would call what they are given (a generator's constructor), open files (memory maps), take objects for bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ai_models.core.errors import BundleError

__all__ = ["STAND_INS", "ArrayHeader", "require_sound"]


class ArrayHeader:
    """Stands where joblib put the header of an array, whose bytes follow in the file."""


def _dtype(text: object, align: object = False, copy: object = True) -> np.dtype[Any]:
    """Return the type of an array's items by its name; what has fields gets them by its state."""
    if type(text) is not str:
        raise BundleError("a type of array items in it has no name")
    return np.dtype(text, align=bool(align), copy=bool(copy))


def _scalar(dtype: object, data: object) -> Any:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or type(data) is not bytes:
        raise BundleError("a number in it is not as it was written")
    require_sound(dtype)
    return np.ndarray((), dtype=dtype, buffer=data)[()]


def _bit_generator(kind: object) -> np.random.PCG64:
    if kind is not np.random.PCG64:
        raise BundleError("a source of random numbers in it is not as it was written")
    return np.random.PCG64(0)


def _generator(source: object, constructor: object = None) -> np.random.Generator:
    if not isinstance(source, np.random.PCG64):
        raise BundleError("a source of random numbers in it is not as it was written")
    return np.random.Generator(source)


STAND_INS: Mapping[tuple[str, str], Callable[..., Any]] = MappingProxyType(
    {
        ("joblib.numpy_pickle", "NumpyArrayWrapper"): ArrayHeader,
        ("numpy", "dtype"): _dtype,
        ("numpy", "memmap"): np.ndarray,
        ("numpy._core.multiarray", "scalar"): _scalar,
        ("numpy.random._pickle", "__bit_generator_ctor"): _bit_generator,
        ("numpy.random._pickle", "__generator_ctor"): _generator,
    }
)


def require_sound(dtype: np.dtype[Any]) -> None:
    """Refuse a type of array items whose fields lie outside of the item: NumPy takes a state as it comes."""
    for field in (dtype.fields or {}).values():
        inner, offset = field[0], field[1]
        if offset < 0 or inner.itemsize < 0 or offset + inner.itemsize > dtype.itemsize:
            raise BundleError("a type of array items in it reaches out of the item")
        require_sound(inner)
    if dtype.subdtype is not None:
        require_sound(dtype.subdtype[0])
