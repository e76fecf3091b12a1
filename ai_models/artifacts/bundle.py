"""A model directory on disk: what is in it, how it is written, and what is checked before it is trusted.

Format 2
--------
``model.joblib``
    The whole `HybridClassifier`.
``ensemble_model.joblib``, ``scaler.joblib``, ``label_encoder.joblib``
    Its vote, its matrix scaling and its classes as a scikit-learn `LabelEncoder`.
``training_config.json``, ``metrics.json``, ``manifest.csv``, ``oof_predictions.csv``, ``MODEL_CARD.md``
    What it was made of and what it reached.
``training_features.npy``
    float16, a row a training photograph in the order of ``oof_predictions.csv``: its scaled features, which
    explanations are held against. No pictures.
``bundle.json``
    Written last: format number, size and SHA-256 of every file, versions, classes, digests.

Format 1 had no class-conditional prediction sets; `read_bundle` refuses it by its number.

The hashes stop accidents (a half copy, a damaged disk, files of two models mixed), not an attacker, who can rewrite
``bundle.json`` too; a bare `joblib.load` checks nothing at all. Load only models that you trust.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
from sklearn.preprocessing import LabelEncoder

from ai_models._version import __version__
from ai_models.artifacts.digest import state_digest
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import BundleError
from ai_models.core.paths import write_bytes

__all__ = ["FORMAT", "MODEL_FILES", "load_model", "read_bundle", "read_file", "save_bundle", "verify_bundle"]

FORMAT = 2
MODEL_FILES = ("model.joblib", "ensemble_model.joblib", "scaler.joblib", "label_encoder.joblib")
_LIBRARIES = ("numpy", "scikit-learn", "joblib", "onnxruntime", "pillow", "opencv-contrib-python-headless")
_PICKLE_COMPATIBLE = {"scikit-learn": 2, "numpy": 1}
"""Library -> how many leading numbers of its version must agree for a pickle to be trusted to load."""
_MAX_BUNDLE_JSON = 4 * 2**20


def save_bundle(model: HybridClassifier, directory: str | os.PathLike[str], files: Mapping[str, bytes]) -> Path:
    """Write a model directory; ``bundle.json`` comes last, so a directory without a matching one is incomplete.

    Parameters
    ----------
    model
        The classifier.
    directory
        A folder that exists or can be made; files of the same names are replaced.
    files
        Name -> content of the further files.

    Returns
    -------
    pathlib.Path
        The directory.
    """
    folder = Path(directory)
    objects = (model, model.ensemble, model.scaler, LabelEncoder().fit(list(model.classes)))
    content = {**{name: _dumped(value) for name, value in zip(MODEL_FILES, objects, strict=True)}, **files}
    for name, data in content.items():
        write_bytes(folder / name, data)
    listing = {n: {"bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in sorted(content.items())}
    bundle = {
        "format": FORMAT,
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
    text = json.dumps(bundle, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_bytes(folder / "bundle.json", text.encode("utf-8"))
    return folder


def read_bundle(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of ``bundle.json``.

    Raises
    ------
    BundleError
        When there is none, it cannot be read, or its format is not known here.
    """
    path = Path(directory) / "bundle.json"
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BUNDLE_JSON + 1)
        bundle = json.loads(data[:_MAX_BUNDLE_JSON].decode("utf-8"))
        number = bundle["format"]
        if number == FORMAT:
            _require_keys(bundle)
    except FileNotFoundError:
        raise BundleError(
            f"'{directory}' is not a model directory (no bundle.json): give the folder that training wrote"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"'{path}' is damaged ({error}): train again or restore a copy") from error
    if number != FORMAT:
        raise BundleError(
            f"'{directory}' has model format {number}, this version reads {FORMAT}: "
            f"install amulet-ai {bundle.get('amulet_ai', 'of that format')} or train again"
        )
    return dict(bundle)


def _require_keys(bundle: Mapping[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError unless everything that is used later is there."""
    for entry in (bundle["files"]["model.joblib"], *bundle["files"].values()):
        if not isinstance(entry["bytes"], int) or not isinstance(entry["sha256"], str):
            raise ValueError("a file's size or hash is not what it should be")
    for name in _PICKLE_COMPATIBLE:
        str(bundle["libraries"][name])
    for key in ("amulet_ai", "feature_digest", "model_digest", "classes"):
        bundle[key]


def verify_bundle(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Check every listed file and the versions, without unpickling; return ``bundle.json``.

    Raises
    ------
    BundleError
        Naming the first file that is missing or altered, or the library whose version does not fit.
    """
    bundle = read_bundle(directory)
    for name in bundle["files"]:
        _checked_bytes(Path(directory), name, bundle)
    _check_versions(bundle, directory)
    return bundle


def read_file(directory: str | os.PathLike[str], name: str) -> bytes:
    """Return the content of a listed file, which is what training wrote.

    Raises
    ------
    BundleError
        When the model directory does not list it, or it is missing or altered.
    """
    bundle = read_bundle(directory)
    if name not in bundle["files"]:
        raise BundleError(
            f"'{directory}' was written by a version of amulet-ai that kept no {name}: train again to have it"
        )
    return _checked_bytes(Path(directory), name, bundle)


def load_model(directory: str | os.PathLike[str]) -> HybridClassifier:
    """Load a classifier whose files are what ``bundle.json`` says they are.

    Hash and versions are checked before anything is unpickled, and the bytes that were checked are the bytes that
    are unpickled.

    Raises
    ------
    BundleError
        As `verify_bundle`.
    """
    bundle = read_bundle(directory)
    _check_versions(bundle, directory)
    data = _checked_bytes(Path(directory), "model.joblib", bundle)
    model = joblib.load(io.BytesIO(data))  # noqa: TID251 - the one place: these bytes were checked
    if not isinstance(model, HybridClassifier):
        raise BundleError(f"'{directory}/model.joblib' holds a {type(model).__name__}, not a classifier: train again")
    if model.extractor.digest() != bundle["feature_digest"]:
        raise BundleError(
            f"'{directory}' was trained with features that this version (amulet-ai {__version__}) computes otherwise: "
            f"install amulet-ai {bundle.get('amulet_ai')} or train again"
        )
    return model


def _dumped(value: object) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=("zlib", 3))
    return stream.getvalue()


def _checked_bytes(folder: Path, name: str, bundle: Mapping[str, Any]) -> bytes:
    if Path(name).name != name:
        raise BundleError(f"bundle.json of '{folder}' lists '{name}', which is not a plain file name: do not use it")
    expected = bundle["files"][name]
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(
            f"'{folder / name}' cannot be read ({error.strerror}): restore the whole model directory or train again"
        ) from error
    if len(data) != expected["bytes"] or hashlib.sha256(data).hexdigest() != expected["sha256"]:
        raise BundleError(
            f"'{folder / name}' is not the file that training wrote (its SHA-256 differs): "
            "restore the whole model directory or train again, nothing was loaded"
        )
    return data


def _check_versions(bundle: Mapping[str, Any], directory: str | os.PathLike[str]) -> None:
    for name, count in _PICKLE_COMPATIBLE.items():
        made, here = str(bundle["libraries"].get(name, "")), importlib.metadata.version(name)
        if made.split(".")[:count] != here.split(".")[:count]:
            raise BundleError(
                f"'{directory}' was made with {name} {made}, here is {here}: "
                f"pip install '{name}=={made}' or train again"
            )
