"""A model directory on disk: what is in it, and how it is written.

Format 3
--------
``model.joblib``
    The whole `HybridClassifier`.
``ensemble_model.joblib``, ``scaler.joblib``, ``label_encoder.joblib``
    Its vote, its matrix scaling and its classes as a scikit-learn `LabelEncoder`.
``training_config.json``, ``metrics.json``, ``manifest.csv``, ``oof_predictions.csv``, ``MODEL_CARD.md``
    What it was made of and what it reached.
``estimators.skops``
    Its matrix scaling and its vote without any pickle (`ai_models.artifacts.skops_copy`), where skops was installed.
``training_features.npy``
    float16, a row a training photograph in the order of ``oof_predictions.csv``: its scaled features, which
    explanations are held against. No pictures.
``bundle.json``
    Written last: format number, version of the model, size and SHA-256 of every file, versions of the libraries,
    classes, digests. Canonical JSON (RFC 8785): it has one spelling and is read in no other.
``model.sig``
    Where the model is signed (`ai_models.artifacts.signing`).

Format 2 was indented and had no version (`ai_models.artifacts.format_2` reads it). Format 1 had no class-conditional
prediction sets; it is refused by its number. To change the format: count `FORMAT` up, keep the reader of the old one in
a ``format_N.py``, and add a model of it to ``tests/golden``.

Who wrote a directory its hashes cannot tell; `ai_models.artifacts.opening` asks the user's own notes and a signature.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
from sklearn.preprocessing import LabelEncoder

from ai_models._version import __version__
from ai_models.artifacts.description import DESCRIPTION, FORMAT, SIGNATURE, encode
from ai_models.artifacts.digest import state_digest
from ai_models.artifacts.folder import BundleFolder
from ai_models.artifacts.opening import check_versions, listed_file, open_model, read_description
from ai_models.artifacts.skops_copy import SKOPS_FILE, skops_copy
from ai_models.artifacts.trust import Trust
from ai_models.artifacts.trust_store import TrustStore
from ai_models.artifacts.unpickling import names_of_its_own
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import BundleError, OutputError
from ai_models.core.logs import get_logger
from ai_models.core.paths import write_bytes

__all__ = ["MODEL_FILES", "load_model", "read_bundle", "read_file", "save_bundle", "verify_bundle"]

MODEL_FILES = ("model.joblib", "ensemble_model.joblib", "scaler.joblib", "label_encoder.joblib")
_LIBRARIES = ("numpy", "scikit-learn", "joblib", "onnxruntime", "pillow", "opencv-contrib-python-headless")
_log = get_logger(__name__)


def save_bundle(
    model: HybridClassifier, directory: str | os.PathLike[str], files: Mapping[str, bytes], *, version: int = 1
) -> Path:
    """Write a model directory; ``bundle.json`` comes last, so a directory without a matching one is incomplete.

    It is noted among the models of this user (`ai_models.artifacts.trust_store`), so that it opens here. A signature of
    an earlier model in the folder is removed.

    Parameters
    ----------
    model
        The classifier.
    directory
        A folder that exists or can be made; files of the same names are replaced.
    files
        Name -> content of the further files.
    version
        Of the model, from 1 on; signing counts it up.

    Returns
    -------
    pathlib.Path
        The directory.

    Raises
    ------
    OutputError
        When the folder cannot be written.
    BundleError
        When the model could not be loaded again.
    """
    folder = Path(directory)
    objects = (model, model.ensemble, model.scaler, LabelEncoder().fit(list(model.classes)))
    content = {**{name: _dumped(value) for name, value in zip(MODEL_FILES, objects, strict=True)}, **files}
    names = names_of_its_own(content["model.joblib"])
    if (copy := skops_copy(model.scaler, model.ensemble)) is not None:
        content[SKOPS_FILE] = copy
    for name, data in content.items():
        write_bytes(folder / name, data)
    listing = {n: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in sorted(content.items())}
    text = encode(
        {
            "format": FORMAT,
            "model_version": version,
            "amulet_ai": __version__,
            "python": platform.python_version(),
            "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
            "classes": list(model.classes),
            "feature_digest": model.extractor.digest(),
            "model_digest": state_digest(
                [model.extractor.encoders_, model.scaler, model.ensemble, model.detector, model.judge]
            ),
            "files": listing,
        }
    )
    try:
        TrustStore().remember(hashlib.sha256(text).hexdigest(), folder, names)
    except OutputError as error:
        _log.warning("the model will not be known as trained here, and open with --allow-unsigned alone: %s", error)
    with suppress(FileNotFoundError):
        (folder / SIGNATURE).unlink()
    write_bytes(folder / DESCRIPTION, text)
    return folder


def read_bundle(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of ``bundle.json``, of whoever wrote it.

    Raises
    ------
    BundleError
        When there is none, it cannot be read, or its format is not known here.
    """
    with BundleFolder(directory) as folder:
        return read_description(folder)[0]


def verify_bundle(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Check that a directory is whole: every listed file and the versions, whoever wrote it; return ``bundle.json``.

    Raises
    ------
    BundleError
        Naming the first file that is missing or altered, or the library whose version does not fit.
    """
    with BundleFolder(directory) as folder:
        bundle = read_description(folder)[0]
        for name in bundle["files"]:
            listed_file(folder, name, bundle)
    check_versions(bundle, directory)
    return bundle


def read_file(directory: str | os.PathLike[str], name: str) -> bytes:
    """Return the content of a listed file.

    Raises
    ------
    BundleError
        When the model directory does not list it, or it is missing or altered.
    """
    with BundleFolder(directory) as folder:
        bundle = read_description(folder)[0]
        if name not in bundle["files"]:
            raise BundleError(
                f"'{directory}' was written by a version of amulet-ai that kept no {name}: train again to have it"
            )
        return listed_file(folder, name, bundle)


def load_model(
    directory: str | os.PathLike[str], *, trust: Trust | None = None, allow_unsigned: bool = False
) -> HybridClassifier:
    """Load a classifier that somebody vouches for and whose files are what ``bundle.json`` says they are.

    Signature or note, hashes and versions are checked before anything is unpickled, and the bytes that were checked
    are the bytes that are unpickled, by a list of names. `ai_models.artifacts.open_model` also says who vouched.

    Parameters
    ----------
    directory
        The model directory.
    trust
        What it must show; by default what the user has set (`Trust.from_environment`).
    allow_unsigned
        Open it also where nobody vouches for it: a model can run code.

    Raises
    ------
    UntrustedError
        When nobody vouches for it, or its version is too low.
    BundleError
        Naming the first file that is missing or altered, or the library whose version does not fit.
    """
    return open_model(directory, trust=trust, allow_unsigned=allow_unsigned).model


def _dumped(value: object) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=("zlib", 3))
    return stream.getvalue()
