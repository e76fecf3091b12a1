"""What results depend on in a process: versions of code and libraries. Machines that differ in it do not mix."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from ai_models._version import __version__
from ai_models.core.errors import ClusterError
from ai_models.core.images import decoder_id

__all__ = ["differences", "environment", "processor", "require_same"]

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "opencv-contrib-python-headless", "onnxruntime")


@functools.cache
def environment() -> dict[str, str]:
    """Return what the results of this process depend on, name -> version; the code by its own digest."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2]), "amulet-ai": __version__, "its code": _code()}
    return {**found, **{name: _version(name) for name in _LIBRARIES}, "image decoder": decoder_id()}


def differences(there: Mapping[str, str]) -> list[str]:
    """Return one clause for each thing in which another process differs from this one."""
    here = environment()
    names = dict.fromkeys([*here, *there])
    return [
        f"{name} {there.get(name, 'missing')} (here {here.get(name, 'missing')})"
        for name in names
        if there.get(name) != here.get(name)
    ]


def require_same(client: Mapping[str, str]) -> None:
    """Refuse, on a worker, to compute for a client with other versions.

    Raises
    ------
    ClusterError
        Naming what differs.
    """
    if client != environment():
        raise ClusterError(
            f"a worker on '{platform.node()}' would not give the results of this machine, which has other versions: "
            f"{'; '.join(differences(client))}: install the same on both"
        )


def processor() -> str:
    """Return the kernels that linear algebra picks for this processor; other ones round differently."""
    np.ones((2, 2)) @ np.ones((2, 2))
    kernels = {str(pool["architecture"]) for pool in threadpool_info() if pool.get("architecture")}
    return f"{platform.machine()} {' '.join(sorted(kernels))}".strip()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _code() -> str:
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
