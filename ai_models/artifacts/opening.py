"""From a model directory to a classifier: what is checked, in which order, before anything is unpickled.

1. ``bundle.json`` is read and must be spelled in its one way.
2. Somebody must vouch for it: a signature of a key that the user trusts, or the user's own notes, or the user allows
   that nobody does. The version must not be lower than the user, or a version seen before, asks for.
3. Every file is read once, as a regular file of the size that is listed, and its SHA-256 compared.
4. The versions of the libraries must fit.
5. Only then are the bytes that were compared unpickled, by a list of names.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ai_models._version import __version__
from ai_models.artifacts.description import DESCRIPTION, parse
from ai_models.artifacts.folder import BundleFolder
from ai_models.artifacts.trust import Standing, Trust
from ai_models.artifacts.unpickling import unpickle
from ai_models.artifacts.vouching import note_version, standing_of
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import BundleError

__all__ = [
    "CheckedBundle",
    "OpenedModel",
    "check_bundle",
    "listed_file",
    "open_model",
    "read_description",
]

MODEL = "model.joblib"
_PICKLE_COMPATIBLE = {"scikit-learn": 2, "numpy": 1}
"""Library -> how many leading numbers of its version must agree for a pickle to be trusted to load."""
_MOST = 4 * 2**20
"""Largest ``bundle.json``, in bytes."""


@dataclass(frozen=True)
class CheckedBundle:
    """A model directory whose every file is what was written, by somebody who is vouched for.

    Attributes
    ----------
    bundle
        Content of ``bundle.json``.
    digest
        SHA-256 (hex) of ``bundle.json``, which stands for the whole model.
    standing
        Why it is trusted.
    content
        File -> the bytes that were checked, of those that were to be kept.
    names
        Classes of the user's own that its pickle may use.
    """

    bundle: dict[str, Any]
    digest: str
    standing: Standing
    content: dict[str, bytes]
    names: tuple[str, ...]


@dataclass(frozen=True)
class OpenedModel:
    """A classifier and how it came to be trusted.

    Attributes
    ----------
    model
        The classifier.
    bundle
        Content of ``bundle.json``.
    standing
        Whether it is signed, local or unsigned.
    """

    model: HybridClassifier
    bundle: dict[str, Any]
    standing: Standing


def read_description(folder: BundleFolder) -> tuple[dict[str, Any], str]:
    """Return what ``bundle.json`` says, and its SHA-256 (hex).

    Raises
    ------
    BundleError
        When there is none, or it cannot be used.
    """
    try:
        data = folder.read(DESCRIPTION, _MOST)
    except FileNotFoundError:
        raise BundleError(
            f"'{folder.path}' is not a model directory (no {DESCRIPTION}): give the folder that training wrote"
        ) from None
    if len(data) > _MOST:
        raise BundleError(f"'{folder.path}/{DESCRIPTION}' is damaged (it is too long): train again or restore a copy")
    return parse(data, folder.path), hashlib.sha256(data).hexdigest()


def listed_file(folder: BundleFolder, name: str, bundle: Mapping[str, Any]) -> bytes:
    """Return the content of a file that ``bundle.json`` lists.

    Raises
    ------
    BundleError
        When it is missing, no regular file, or not what was written.
    """
    expected = bundle["files"][name]
    try:
        data = folder.read(name, expected["bytes"])
    except FileNotFoundError as error:
        raise BundleError(
            f"'{folder.path / name}' cannot be read ({error.strerror}): "
            "restore the whole model directory or train again"
        ) from error
    if len(data) != expected["bytes"] or hashlib.sha256(data).hexdigest() != expected["sha256"]:
        raise BundleError(
            f"'{folder.path / name}' is not the file that training wrote (its SHA-256 differs): "
            "restore the whole model directory or train again, nothing was loaded"
        )
    return data


def check_bundle(
    directory: str | os.PathLike[str],
    *,
    trust: Trust | None = None,
    allow_unsigned: bool = False,
    keep: Collection[str] = (),
) -> CheckedBundle:
    """Check everything that can be checked of a model directory without unpickling.

    Parameters
    ----------
    directory
        The model directory.
    trust
        What it must show; by default what the user has set (`Trust.from_environment`).
    allow_unsigned
        Open it also where nobody vouches for it.
    keep
        Files whose bytes are wanted.

    Raises
    ------
    UntrustedError
        When nobody vouches for it, or its version is too low.
    BundleError
        Naming the first file that is missing or altered, or the library whose version does not fit.
    """
    asked = trust or Trust.from_environment()
    with BundleFolder(directory) as folder:
        bundle, digest = read_description(folder)
        known = asked.store.known(digest)
        standing = standing_of(folder, bundle, digest, asked, local=known is not None, allowed=allow_unsigned)
        content = {}
        for name in bundle["files"]:
            data = listed_file(folder, name, bundle)
            if name in keep:
                content[name] = data
    check_versions(bundle, directory)
    names = tuple(sorted({*asked.names, *(known.names if known else ())}))
    return CheckedBundle(bundle, digest, standing, content, names)


def open_model(
    directory: str | os.PathLike[str], *, trust: Trust | None = None, allow_unsigned: bool = False
) -> OpenedModel:
    """Load a classifier and say how it came to be trusted; parameters and errors as `check_bundle`."""
    asked = trust or Trust.from_environment()
    checked = check_bundle(directory, trust=asked, allow_unsigned=allow_unsigned, keep=(MODEL,))
    bundle = checked.bundle
    model = unpickle(checked.content[MODEL], f"{directory}/{MODEL}", checked.names)
    if not isinstance(model, HybridClassifier):
        raise BundleError(f"'{directory}/{MODEL}' holds a {type(model).__name__}, not a classifier: train again")
    if model.extractor.digest() != bundle["feature_digest"]:
        raise BundleError(
            f"'{directory}' was trained with features that this version (amulet-ai {__version__}) computes otherwise: "
            f"install amulet-ai {bundle['amulet_ai']} or train again"
        )
    note_version(checked.standing, checked.digest, asked)
    return OpenedModel(model, bundle, checked.standing)


def check_versions(bundle: Mapping[str, Any], directory: str | os.PathLike[str]) -> None:
    """Raise BundleError where a library here is too far from the one that the model was made with."""
    for name, count in _PICKLE_COMPATIBLE.items():
        made, here = str(bundle["libraries"].get(name, "")), importlib.metadata.version(name)
        if made.split(".")[:count] != here.split(".")[:count]:
            raise BundleError(
                f"'{directory}' was made with {name} {made}, here is {here}: "
                f"pip install '{name}=={made}' or train again"
            )
