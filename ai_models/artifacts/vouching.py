"""Who vouches for a model directory: a signature of a key that the user trusts, the user's own notes, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai_models.artifacts.description import DESCRIPTION, FORMAT, SIGNATURE
from ai_models.artifacts.folder import BundleFolder
from ai_models.artifacts.signature import IGNORED, Signature, read_signature
from ai_models.artifacts.trust import Standing, Trust
from ai_models.core.errors import BundleError, OutputError, UntrustedError
from ai_models.core.logs import get_logger

__all__ = ["note_version", "refuse_unsigned_files", "standing_of"]

_log = get_logger(__name__)
_MOST = 4 * 2**20
"""Largest signature, in bytes."""


def standing_of(
    folder: BundleFolder, bundle: Mapping[str, Any], digest: str, trust: Trust, *, local: bool, allowed: bool
) -> Standing:
    """Return who vouches for a model.

    Parameters
    ----------
    folder
        The model directory.
    bundle, digest
        What its ``bundle.json`` says, and the SHA-256 (hex) of that.
    trust
        What the user has set.
    local
        Whether the user's notes know it.
    allowed
        Whether it may be opened where nobody vouches for it.

    Raises
    ------
    UntrustedError
        When nobody does, or its version is too low.
    BundleError
        When it is signed and something lies in the folder that is not.
    """
    version = bundle["model_version"]
    if version < trust.minimum_version and not trust.any_version:
        raise UntrustedError(
            f"'{folder.path}' has version {version}, but at least {trust.minimum_version} is asked for: "
            "take a newer model, or lower the minimum version"
        )
    signature = _signature(folder)
    if signature is not None:
        if bundle["format"] != FORMAT:
            raise BundleError(f"'{folder.path}' has a signature, which its format never had: do not use it")
        for key in trust.keys:
            if key.key_id == signature.key_id:
                digests = {DESCRIPTION: digest, **{n: e["sha256"] for n, e in bundle["files"].items()}}
                if not signature.verified_by(key, digests):
                    raise UntrustedError(
                        f"the signature of '{folder.path}' is not that of its files: restore the whole model directory"
                    )
                refuse_unsigned_files(folder, bundle)
                _refuse_older(folder, signature, version, trust)
                return Standing("signed", key.key_id, signature.name, version)
    if local:
        return Standing("local", version=version)
    if allowed or trust.allow_unsigned:
        return Standing("unsigned", version=version)
    if signature is not None:
        raise UntrustedError(
            f"'{folder.path}' is signed by key {signature.key_id[:16]}, which is not trusted here: "
            "if it should be, 'amulet-ai model trust KEY.pub.pem' or --trusted-key KEY.pub.pem, nothing was loaded"
        )
    raise UntrustedError(
        f"'{folder.path}' was not trained here and is not signed, and a model can run code: if you know where it is "
        "from, 'amulet-ai model trust DIRECTORY' once, or --allow-unsigned (allow_unsigned=True in Python, "
        "AMULET_AI_ALLOW_UNSIGNED=1 for the service), nothing was loaded"
    )


def _signature(folder: BundleFolder) -> Signature | None:
    try:
        data = folder.read(SIGNATURE, _MOST)
    except FileNotFoundError:
        return None
    return read_signature(data, folder.path)


def refuse_unsigned_files(folder: BundleFolder, bundle: Mapping[str, Any]) -> None:
    """Raise BundleError where something lies in the folder that a signature does not cover and should."""
    for name, is_folder in folder.entries().items():
        if name in bundle["files"] or name in (DESCRIPTION, SIGNATURE) or (is_folder and name in IGNORED):
            continue
        raise BundleError(f"'{folder.path / name}' is not part of what was signed: take it out of the model directory")


def _refuse_older(folder: BundleFolder, signature: Signature, version: int, trust: Trust) -> None:
    highest = trust.store.highest(signature.key_id, signature.name)[0]
    if version < highest and not trust.any_version:
        raise UntrustedError(
            f"'{folder.path}' is version {version} of '{signature.name}', but {highest} was opened here before: "
            "take the newer one, or sign this one again with a higher --model-version"
        )


def note_version(standing: Standing, digest: str, trust: Trust) -> None:
    """Remember the version of a signed model that was opened, where it is the highest yet."""
    if standing.kind != "signed" or standing.version <= trust.store.highest(standing.key_id, standing.name)[0]:
        return
    try:
        trust.store.saw(standing.key_id, standing.name, standing.version, digest)
    except OutputError as error:  # a home that is read-only; the minimum version is then the only floor
        _log.debug("%s", error)
