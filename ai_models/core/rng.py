"""Randomness that depends on (run seed, content, purpose) and never on the order of work."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["derive_seed", "generator"]


def derive_seed(seed: int, purpose: str, *content: str | bytes | int) -> int:
    """Return a 32-bit seed for one purpose and one piece of content.

    Parameters
    ----------
    seed
        The run's seed.
    purpose
        What the randomness is for, such as ``"augment"``; two purposes never share a stream.
    content
        What it applies to: a content hash, a fold's number, ...

    Returns
    -------
    int
        In [0, 2**32), the first four bytes of a SHA-256 over the length-prefixed parts.
    """
    digest = hashlib.sha256()
    for part in (seed, purpose, *content):
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogateescape")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return int.from_bytes(digest.digest()[:4], "little")


def generator(seed: int, purpose: str, *content: str | bytes | int) -> np.random.Generator:
    """Return a NumPy generator seeded by `derive_seed`."""
    return np.random.Generator(np.random.PCG64(derive_seed(seed, purpose, *content)))
