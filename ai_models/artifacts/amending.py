"""A model directory with files added or taken away: described anew, noted among the user's own, its signature gone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from ai_models.artifacts.bundle import MODEL_FILES
from ai_models.artifacts.description import DESCRIPTION, FORMAT, SIGNATURE, encode
from ai_models.artifacts.opening import check_bundle
from ai_models.artifacts.trust_store import TrustStore
from ai_models.core.errors import BundleError
from ai_models.core.paths import write_bytes

__all__ = ["amend_bundle"]


def amend_bundle(
    directory: str | os.PathLike[str], *, added: Mapping[str, bytes] | None = None, removed: Collection[str] = ()
) -> bool:
    """Add files to a model directory that is vouched for, or take some away; the model itself stays as it is.

    At whatever point this is killed, ``bundle.json`` describes what is there: a file is written before it is listed,
    and deleted after it is listed no more.

    Parameters
    ----------
    directory
        The model directory.
    added
        Name -> content; files of the same names are replaced.
    removed
        Names.

    Returns
    -------
    bool
        Whether it was signed: a new signature is then needed.

    Raises
    ------
    UntrustedError, BundleError
        When nobody vouches for it, or it is incomplete or altered.
    OutputError
        When it cannot be written.
    """
    folder, added = Path(directory), added or {}
    if set(MODEL_FILES) & {*added, *removed}:
        raise ValueError("the files of the model itself are not to be changed")
    checked = check_bundle(folder)
    if checked.bundle["format"] != FORMAT:
        raise BundleError(f"'{folder}' has model format {checked.bundle['format']}: train again to have it changed")
    listing = {name: entry for name, entry in checked.bundle["files"].items() if name not in removed}
    for name, data in added.items():
        write_bytes(folder / name, data)
        listing[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = encode({**checked.bundle, "files": dict(sorted(listing.items()))})
    if checked.standing.kind != "unsigned":  # what nobody vouches for is not vouched for by a change
        TrustStore().remember(hashlib.sha256(text).hexdigest(), folder, checked.names)
    signed = (folder / SIGNATURE).exists()
    with suppress(FileNotFoundError):
        (folder / SIGNATURE).unlink()
    write_bytes(folder / DESCRIPTION, text)
    for name in removed:
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    return signed
