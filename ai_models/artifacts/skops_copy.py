"""The estimators of a model once more, as skops keeps them: types and numbers, and nothing that could be run.

``estimators.skops`` holds the matrix scaling and the vote, ``ensemble.predict_proba(scaler.transform(X))``, for whoever
reads no pickle at all. skops numbers what it writes by memory addresses and dates it; that is taken out, so that a
model gives the same bytes wherever it lies. Written where skops is installed, which training brings.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import Any

from ai_models.artifacts.allowed_names import ALLOWED
from ai_models.artifacts.opening import check_bundle
from ai_models.artifacts.trust import Trust
from ai_models.artifacts.unpickling import MOST_BYTES
from ai_models.core.errors import BundleError
from ai_models.core.logs import get_logger
from ai_models.core.optional import require
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble

__all__ = ["SKOPS_FILE", "load_estimators", "skops_copy"]

SKOPS_FILE = "estimators.skops"
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_log = get_logger(__name__)


def skops_copy(scaler: BlockScaler, ensemble: VotingEnsemble) -> bytes | None:
    """Return the content of `SKOPS_FILE`; None where it cannot be made.

    Parameters
    ----------
    scaler, ensemble
        Of a model.
    """
    try:
        from skops import io as skops
        from skops.io.exceptions import UnsupportedTypeException
    except ModuleNotFoundError:
        return None
    try:
        return _without_addresses(skops.dumps({"scaler": scaler, "ensemble": ensemble}))
    except UnsupportedTypeException as error:
        _log.warning("no %s is kept, for skops cannot hold a member of your own: %s", SKOPS_FILE, error)
        return None


def load_estimators(
    directory: str | os.PathLike[str], *, trust: Trust | None = None, allow_unsigned: bool = False
) -> tuple[BlockScaler, VotingEnsemble]:
    """Load the matrix scaling and the vote of a model directory without unpickling anything.

    Parameters
    ----------
    directory, trust, allow_unsigned
        As for `ai_models.artifacts.load_model`.

    Returns
    -------
    tuple
        ``ensemble.predict_proba(scaler.transform(X))`` of rows as ``extract_batch`` gives them.

    Raises
    ------
    BundleError
        As `ai_models.artifacts.load_model`; or there is no copy, or it holds something else.
    MissingExtraError
        When skops is not installed.
    """
    require("skops", extra="skops", purpose=f"reading {SKOPS_FILE}")
    from skops import io as skops
    from skops.io.exceptions import UntrustedTypesFoundException

    checked = check_bundle(directory, trust=trust, allow_unsigned=allow_unsigned, keep=(SKOPS_FILE,))
    data = checked.content.get(SKOPS_FILE)
    if data is None:
        raise BundleError(f"'{directory}' was written without {SKOPS_FILE}: install skops and train again")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError("it would take too much memory")
        found = skops.loads(data, trusted=_trusted(checked.names))
        scaler, ensemble = found["scaler"], found["ensemble"]
    except (UntrustedTypesFoundException, zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"'{directory}/{SKOPS_FILE}' cannot be used ({error}): train again") from error
    if not isinstance(scaler, BlockScaler) or not isinstance(ensemble, VotingEnsemble):
        raise BundleError(f"'{directory}/{SKOPS_FILE}' does not hold a model's estimators: train again")
    return scaler, ensemble


def _trusted(own: tuple[str, ...]) -> list[str]:
    """Return the types that may be made: those that a model's pickle may be made of."""
    ours = [f"{m}.{name}" for m, names in ALLOWED.items() if m.startswith(("ai_models.", "sklearn.")) for name in names]
    return [*ours, *(name.replace(":", ".") for name in own)]


def _without_addresses(data: bytes) -> bytes:
    """Return a file of skops with numbers from 1 on in the place of addresses, compressed, without dates."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        schema = json.loads(archive.read(_SCHEMA))
        numbers: dict[int, int] = {}
        files: dict[str, str] = {}
        _renumber(schema, numbers, files)
        for old, new in files.items():
            made.writestr(zipfile.ZipInfo(new, _EPOCH), archive.read(old), zipfile.ZIP_DEFLATED)
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        made.writestr(zipfile.ZipInfo(_SCHEMA, _EPOCH), text.encode("utf-8"), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _renumber(item, numbers, files)
    if isinstance(node, dict) and "__loader__" in node:
        if isinstance(node.get("__id__"), int):
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if isinstance(node.get("file"), str):
            old = node["file"]
            node["file"] = files.setdefault(old, f"{len(files) + 1}{os.path.splitext(old)[1]}")
