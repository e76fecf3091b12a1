"""Embeddings of a pretrained network: ONNX Runtime, OpenVINO or torch on the CPU, torch on CUDA."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ai_models.core.config import canonical_json
from ai_models.core.errors import AmuletError, ConfigError
from ai_models.core.images import RGBImage
from ai_models.core.logs import get_logger
from ai_models.core.settings import FeatureConfig
from ai_models.features.backbones import Backbone, file_digest, installed_weights, load_backbone
from ai_models.features.base import BaseFeatureExtractor, FloatArray
from ai_models.features.cache import FeatureCache
from ai_models.features.onnx_export import (
    EXPORT_VERSION,
    embedding_size,
    export_onnx,
    run_onnx,
    stages_size,
    with_normalisation,
)
from ai_models.features.openvino_runner import openvino_precision, openvino_runner
from ai_models.features.registry import register
from ai_models.features.torch_runner import TorchRunner, resolve_device

__all__ = ["CnnExtractor", "WideCnnExtractor"]

log = get_logger(__name__)

_CPU_BATCH = 2
"""Images a run on the CPU: activations of more no longer fit the caches, and the rate falls by a tenth."""

_FULL_PRECISION = {"onnxruntime": "ort-fp32-cpu", "torch": "torch-fp32-cpu"}

_EXPORTED: dict[str, bytes] = {}  # exported backbones of this process, by key: folds and clones share one
_LOADED: dict[str, Backbone] = {}
_LOCK = threading.RLock()
_LAST = threading.local()


@lru_cache(maxsize=4)
def _warn_of_other_backend(wanted: str) -> None:
    log.warning("the model was trained with %s, which is not installed: ONNX Runtime takes its place", wanted)


@register
class CnnExtractor(BaseFeatureExtractor):
    """What a network trained on ImageNet sees: its pooled penultimate features.

    The network is carried inside a pickle as ONNX bytes, so a saved model predicts without torch.
    """

    name = "cnn"
    config_fields = ("backbone",)
    backbone_field: ClassVar[str] = "backbone"
    _saved = False  # whether it was unpickled

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__(config)
        self._digest = ""
        self._model = b""
        self._runner: TorchRunner | None = None
        self._device = ""

    @property
    def at_once(self) -> int:
        return self.config.batch_size if self._where() == "cuda" else min(self.config.batch_size, _CPU_BATCH)

    def extract_features(self, image: RGBImage) -> FloatArray:
        return np.asarray(self.extract_many([image])[0], dtype=np.float32)

    def extract_many(self, images: Sequence[RGBImage]) -> NDArray[Any]:
        return self._described(images)[:, : embedding_size(self.model_bytes())]

    def get_feature_names(self) -> list[str]:
        return [str(i) for i in range(embedding_size(self.model_bytes()))]

    def _described(self, images: Sequence[RGBImage]) -> FloatArray:
        """Return the embedding and the statistics of the stages, (n, d + t): one pass serves the blocks of both.

        What this thread asked for last is kept, together with the very pictures, until the other block has asked.
        """
        kept: tuple[bytes, str, Sequence[RGBImage], FloatArray] | None = getattr(_LAST, "kept", None)
        by = self.backend()
        if kept and kept[0] is self.model_bytes() and kept[1] == by and [*map(id, kept[2])] == [*map(id, images)]:
            _LAST.kept = None
            return kept[3]
        batch = np.stack(images)
        run = self._run()
        size = len(batch) if self._device == "cuda" else self.at_once
        described = np.concatenate([run(batch[start : start + size]) for start in range(0, len(batch), size)])
        _LAST.kept = (self.model_bytes(), by, images, described) if self.config.use_stages_features else None
        return described

    def weights_digest(self) -> str:
        """Return the SHA-256 (hex) of the weights; of a local or installed file without loading it."""
        if not self._digest:
            path = self._weights_file() or installed_weights(self._network_name())
            self._digest = file_digest(path) if path else self._backbone().digest
        return self._digest

    def backend(self) -> str:
        if self._where() == "cuda":
            return "torch-fp32-cuda"
        chosen = self._on_cpu()
        return f"openvino-{openvino_precision()}-cpu" if chosen == "openvino" else _FULL_PRECISION[chosen]

    def model_bytes(self) -> bytes:
        """Return the network as ONNX: what was unpickled, else from the cache, else exported now."""
        if not self._model:
            key = self._export_key()
            with _LOCK:
                if key not in _EXPORTED:
                    _EXPORTED[key] = self._cached_export(key)
                self._model = _EXPORTED[key]
        return self._model

    def torch_backbone(self) -> Backbone:
        """Return the network as torch runs it.

        Raises
        ------
        ConfigError
            When the weights that this block carries as ONNX are not installed here.
        """
        if not self._has_weights():
            raise ConfigError(
                [f"the weights of network '{self._network_name()}' that the model carries are not installed here"]
            )
        return self._backbone()

    def _cached_export(self, key: str) -> bytes:
        cache = None
        if self.config.cache_features:
            cache = FeatureCache(self.config.cache_dir, self.config.max_cache_bytes)
            kept = cache.get(key, ["onnx"])
            if kept:
                return kept["onnx"].tobytes()
        model = export_onnx(self._backbone(), self.image_size)
        if cache is not None:
            cache.put(key, ["onnx"], np.frombuffer(model, np.uint8)[None])
        return model

    def _export_key(self) -> str:
        parts = [EXPORT_VERSION, self._network_name(), self.weights_digest(), self.image_size]
        return f"backbone-{hashlib.sha256(canonical_json(parts)).hexdigest()[:32]}"

    def _backbone(self) -> Backbone:
        name, weights = self._network_name(), self._weights_file()
        key = canonical_json([name, weights, self.image_size]).decode()
        with _LOCK:
            if key not in _LOADED:
                _LOADED.clear()  # one at a time: they are large
                _LOADED[key] = load_backbone(name, weights, image_size=self.image_size)
            return _LOADED[key]

    def _network_name(self) -> str:
        return str(getattr(self.config, self.backbone_field))

    def _weights_file(self) -> str:
        return str(getattr(self.config, self.weights_field))

    def _run(self) -> Callable[[NDArray[np.uint8]], FloatArray]:
        with _LOCK:
            device = self._where()
            chosen = "torch" if device == "cuda" else self._on_cpu()
            if chosen == "openvino":
                return openvino_runner(self.model_bytes(), openvino_precision())
            if chosen == "onnxruntime" or not self._has_weights():
                model = self.model_bytes()
                return lambda images: run_onnx(model, images)
            if self._runner is None:
                network = copy.deepcopy(with_normalisation(self._backbone()))
                self._runner = TorchRunner(network, self.at_once, device)
            return self._runner

    def _on_cpu(self) -> str:
        """Return what runs the network on the CPU: what the settings say.

        A saved model carries the network in a form that ONNX Runtime runs everywhere, so it predicts, with other last
        digits, where what it was trained with is not installed; a log line says so.
        """
        wanted = str(self.config.cnn_backend)
        if self._saved and find_spec(wanted) is None:
            _warn_of_other_backend(wanted)
            return "onnxruntime"
        return wanted

    def _has_weights(self) -> bool:
        """Whether torch could load the very weights that this block carries as ONNX; a loaded model may be without."""
        if not self._model:
            return True
        try:
            return self._backbone().digest == self.weights_digest()
        except AmuletError:
            return False

    def _where(self) -> str:
        if not self._device:
            self._device = resolve_device(self.config.device)
        return self._device

    def with_config(self, config: FeatureConfig) -> Self:
        other = super().with_config(config)
        other._runner, other._device = None, ""
        return other

    def __getstate__(self) -> dict[str, Any]:
        self.weights_digest()
        self.model_bytes()
        return {**self.__dict__, "_runner": None, "_device": "", "_saved": True}

    def __copy__(self) -> Self:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other


@register
class WideCnnExtractor(CnnExtractor):
    """What a larger network sees in a larger picture, which is reduced from the photograph itself."""

    name = "cnn_wide"
    config_fields = ("wide_backbone",)
    backbone_field = "wide_backbone"
    size_field = "wide_image_size"
    weights_field = "wide_weights"


class _Stages(CnnExtractor):
    """What the stages of a network see on the way to its embedding; see `ai_models.features.stages`."""

    def extract_many(self, images: Sequence[RGBImage]) -> NDArray[Any]:
        if not stages_size(self.model_bytes()):
            raise ConfigError(
                [f"network '{self._network_name()}' has no stages that can be read: switch them off (--no-stages)"]
            )
        return self._described(images)[:, embedding_size(self.model_bytes()) :]

    def get_feature_names(self) -> list[str]:
        return [str(i) for i in range(stages_size(self.model_bytes()))]


@register
class StagesExtractor(_Stages):
    """The stages of the network of the block ``cnn``."""

    name = "stages"


@register
class WideStagesExtractor(_Stages):
    """The stages of the network of the block ``cnn_wide``."""

    name = "stages_wide"
    config_fields = WideCnnExtractor.config_fields
    backbone_field = WideCnnExtractor.backbone_field
    size_field = WideCnnExtractor.size_field
    weights_field = WideCnnExtractor.weights_field
