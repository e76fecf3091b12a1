"""From images to edges: equal bytes, equal pixels, then near ones among what is left."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import decode, read_bytes
from ai_models.core.paths import to_text
from ai_models.core.records import Manifest
from ai_models.duplicates.fingerprint import Fingerprint, fingerprint
from ai_models.duplicates.graph import DuplicateEdge, EdgeKind
from ai_models.duplicates.matching import near_matches
from ai_models.execution import map_ordered

__all__ = ["duplicate_edges", "find_duplicates"]


def duplicate_edges(
    hashes: Mapping[str, str], prints: Mapping[str, Fingerprint], *, near: bool = True
) -> list[DuplicateEdge]:
    """Return the evidence among images that are already hashed and reduced.

    Of images that are equal one stands for all: each of the others has an edge to it, and it alone is compared further.

    Parameters
    ----------
    hashes
        Path -> SHA-256 of the file's bytes.
    prints
        Path -> fingerprint, for the same paths.
    near
        Whether to look beyond equal bytes and pixels.

    Returns
    -------
    list of DuplicateEdge
        Sorted.
    """
    edges = []
    standing = sorted(prints)
    kinds: tuple[tuple[EdgeKind, Mapping[str, str]], ...] = (
        ("bytes", hashes),
        ("pixels", {path: p.pixels for path, p in prints.items()}),
    )
    for kind, content in kinds:
        classes: dict[str, list[str]] = defaultdict(list)
        for path in standing:
            classes[content[path]].append(path)
        edges += [DuplicateEdge(paths[0], other, kind) for paths in classes.values() for other in paths[1:]]
        standing = sorted(paths[0] for paths in classes.values())
    if near:
        for match in near_matches([prints[path] for path in standing]):
            edges.append(
                DuplicateEdge(
                    standing[match.a], standing[match.b], "near", match.symmetry.name, round(1 - match.agreement, 4)
                )
            )
    return sorted(edges)


def find_duplicates(manifest: Manifest, *, near: bool = True, workers: int = 0) -> list[DuplicateEdge]:
    """Read the photographs of a manifest and return the evidence among them (copies are not looked at).

    Raises
    ------
    DataError
        When a row cannot be read or decoded.
    """
    rows = manifest.originals()
    answers = map_ordered(_read, rows.files, workers=workers, label="duplicates", total=len(rows))
    read = dict(zip((r.path for r in rows), answers, strict=True))
    hashes = {path: digest for path, (digest, _) in read.items()}
    return duplicate_edges(hashes, {path: print_ for path, (_, print_) in read.items()}, near=near)


def _read(path: Path) -> tuple[str, Fingerprint]:
    try:
        data = read_bytes(path)
        return hashlib.sha256(data).hexdigest(), fingerprint(decode(data))
    except ImageError as error:
        raise DataError(f"'{to_text(str(path))}' cannot be read ({error}): take its row out of the manifest") from error
