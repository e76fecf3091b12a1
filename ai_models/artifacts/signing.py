"""Vouching for a model: signing it, or noting that this user trusts it."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ai_models.artifacts.description import DESCRIPTION, FORMAT, SIGNATURE, encode
from ai_models.artifacts.folder import BundleFolder
from ai_models.artifacts.keys import PrivateKey, PublicKey, read_public_key
from ai_models.artifacts.opening import check_bundle
from ai_models.artifacts.signature import sign, usable_name
from ai_models.artifacts.trust import Trust
from ai_models.artifacts.trust_store import TrustStore, make_own_folder
from ai_models.artifacts.vouching import refuse_unsigned_files
from ai_models.core.errors import BundleError
from ai_models.core.paths import write_bytes

__all__ = ["Signed", "sign_bundle", "trust_bundle", "trust_key"]


@dataclass(frozen=True)
class Signed:
    """What was signed.

    Attributes
    ----------
    name
        What the signature calls the model.
    version
        Of the model.
    key_id
        Of the key.
    """

    name: str
    version: int
    key_id: str


def sign_bundle(
    directory: str | os.PathLike[str],
    key: PrivateKey,
    *,
    name: str = "",
    version: int = 0,
    trust: Trust | None = None,
) -> Signed:
    """Sign a model directory that is whole and vouched for; write ``model.sig``.

    Parameters
    ----------
    directory
        The model directory.
    key
        To sign with.
    name
        What to call the model; versions are counted by key and name. By default what the folder is called.
    version
        Of the model. By default one more than the highest that this key signed here under this name, or the same where
        just this model was signed.
    trust
        What the model must show before it is signed; by default what the user has set.

    Raises
    ------
    BundleError
        When the model cannot be signed: see `ai_models.artifacts.check_bundle`; or its format, name or version.
    OutputError
        When the signature, or the user's notes, cannot be written.
    """
    asked = trust or Trust.from_environment()
    checked = check_bundle(directory, trust=replace(asked, any_version=True))
    known = asked.store.known(checked.digest)
    bundle, key_id = checked.bundle, key.public.key_id
    if bundle["format"] != FORMAT:
        raise BundleError(f"'{directory}' has format {bundle['format']}, which cannot be signed: train again")
    called = name or os.path.basename(os.path.realpath(directory))
    if not usable_name(called):
        raise BundleError(
            f"a model cannot be signed as {called!r}: give another --name, of 1 to 200 visible characters"
        )
    highest, of = asked.store.highest(key_id, called)
    least = highest if of == checked.digest else highest + 1
    chosen = version or max(least, bundle["model_version"])
    if chosen < highest or (chosen == highest and of != checked.digest):
        raise BundleError(
            f"version {highest} of '{called}' was signed before: give a higher --model-version than {chosen}"
        )
    with BundleFolder(directory) as folder:
        refuse_unsigned_files(folder, bundle)
        with suppress(FileNotFoundError):  # an old signature would not be that of what is written now
            (folder.path / SIGNATURE).unlink()
        digest = checked.digest  # what was checked is what is signed, whatever lies there by now
        if chosen != bundle["model_version"]:
            text = encode({**bundle, "model_version": chosen})
            digest = hashlib.sha256(text).hexdigest()
            if known is not None:
                asked.store.remember(digest, folder.path, known.names)
            write_bytes(folder.path / DESCRIPTION, text)
        digests = {DESCRIPTION: digest, **{n: entry["sha256"] for n, entry in bundle["files"].items()}}
        write_bytes(folder.path / SIGNATURE, sign(called, digests, key))
    asked.store.saw(key_id, called, chosen, digest)
    return Signed(called, chosen, key_id)


def trust_bundle(directory: str | os.PathLike[str], names: tuple[str, ...] = ()) -> str:
    """Note that this user trusts a model directory as it is now; return the SHA-256 of its ``bundle.json``.

    Parameters
    ----------
    directory
        The model directory; its files are compared with their hashes first.
    names
        Classes beyond the product's own that it may be made of, as ``module:name``.

    Raises
    ------
    BundleError
        When it is incomplete, altered or of other versions.
    OutputError
        When the user's notes cannot be written.
    """
    trust = Trust.from_environment(allow_unsigned=True)
    checked = check_bundle(directory, trust=trust)
    trust.store.remember(checked.digest, directory, names)
    return checked.digest


def trust_key(file: str | os.PathLike[str]) -> tuple[PublicKey, Path]:
    """Note that this user trusts what a key signs; return the key and where it is kept.

    Raises
    ------
    BundleError
        When it is no public key.
    OutputError
        When the user's notes cannot be written.
    """
    key, folder = read_public_key(file), TrustStore().keys
    for place in (folder.parent, folder):
        make_own_folder(place)
    kept = write_bytes(folder / f"{key.key_id[:32]}.pem", key.pem)
    kept.chmod(0o600)
    return key, kept
