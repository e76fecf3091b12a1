"""An exported backbone run by OpenVINO on the CPU: bf16 where the processor computes it, else fp32."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.optional import require
from ai_models.features.base import FloatArray

__all__ = ["openvino_precision", "openvino_runner"]


class OpenVinoRunner:
    """Runs a model; as many calls at once as there are threads, each in its caller's thread.

    A compiled model serves one caller at a time, so there is one for each of the most calls that were ever made at
    once; they come from one pool, for threads come and go.

    Parameters
    ----------
    model
        What `ai_models.features.onnx_export.export_onnx` returned.
    precision
        ``"bf16"`` or ``"fp32"``.
    """

    def __init__(self, model: bytes, precision: str) -> None:
        self._core = _core()
        self._model = self._core.read_model(model)
        self._settings = {
            "INFERENCE_PRECISION_HINT": {"bf16": "bf16", "fp32": "f32"}[precision],
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        self._idle: list[Any] = []
        self._lock = threading.Lock()

    def __call__(self, images: NDArray[np.uint8]) -> FloatArray:
        """Describe uint8 (n, s, s, 3), RGB, as float32 (n, d + t)."""
        with self._lock:  # compiling two at once gains nothing
            request = self._idle.pop() if self._idle else self._request()
        try:
            # Always shared: a request that was given an array to share would write the next, unshared one into it.
            found = request.infer({0: np.ascontiguousarray(images)}, share_inputs=True)
            return np.array(found[0], dtype=np.float32)
        finally:
            with self._lock:
                self._idle.append(request)

    def _request(self) -> Any:
        return self._core.compile_model(self._model, "CPU", self._settings).create_infer_request()


@lru_cache(maxsize=4)
def openvino_runner(model: bytes, precision: str) -> OpenVinoRunner:
    """Return the runner of a model; made once."""
    return OpenVinoRunner(model, precision)


@lru_cache(maxsize=1)
def openvino_precision() -> str:
    """Return ``"bf16"`` where the processor computes it, else ``"fp32"``.

    Raises
    ------
    MissingExtraError
        Without OpenVINO.
    """
    return "bf16" if "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"


@lru_cache(maxsize=1)
def _core() -> Any:
    return require("openvino", extra="openvino", purpose="the backend 'openvino'").Core()
