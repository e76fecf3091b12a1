"""A backbone run by torch: on a CUDA device, or on the CPU as the reference of the other backends.

On CUDA batches are channels last and pinned, and halved when memory runs out. The network is run in full fp32 there,
without TF32: what a model was trained on must be what a machine without a GPU computes, and half precision moves an
embedding by up to a tenth of its length. Reading photographs takes longer than either.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import sys
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import ConfigError
from ai_models.core.logs import get_logger
from ai_models.core.optional import require
from ai_models.execution import one_torch_thread
from ai_models.features.base import FloatArray

__all__ = ["TorchRunner", "resolve_device"]

log = get_logger(__name__)


def resolve_device(requested: str) -> str:
    """Return ``"cpu"`` or ``"cuda"``.

    Parameters
    ----------
    requested
        ``"auto"`` takes CUDA where torch sees a device; torch is imported only where a driver is present.

    Raises
    ------
    ConfigError
        When CUDA is asked for and torch sees no device.
    MissingExtraError
        When CUDA is asked for without torch.
    """
    if requested == "cpu":
        return "cpu"
    if requested == "auto" and not (_driver_present() and importlib.util.find_spec("torch")):
        return "cpu"
    torch = require("torch", extra="train", purpose="device 'cuda'")
    if torch.cuda.is_available():
        return "cuda"
    if requested == "cuda":
        raise ConfigError(["device is 'cuda', but torch sees no CUDA device here: use 'auto' or 'cpu'"])
    return "cpu"


def _driver_present() -> bool:
    if sys.platform == "win32":
        return ctypes.util.find_library("nvcuda") is not None
    return any(os.path.exists(path) for path in ("/dev/nvidiactl", "/dev/dxg"))


class TorchRunner:
    """Embeds images on one device; calls from several threads wait for one another.

    Parameters
    ----------
    module
        From uint8 (n, s, s, 3) to float (n, d).
    batch_size
        Images a batch at first; halved for good whenever memory runs out.
    device
        Torch's name of the device.
    """

    def __init__(self, module: Any, batch_size: int, device: str = "cuda") -> None:
        self._torch = require("torch", extra="train", purpose="device 'cuda'")
        self.batch_size = batch_size
        self.device = device
        self._lock = threading.Lock()
        self._module = module.to(device, memory_format=self._torch.channels_last)

    def __call__(self, images: NDArray[np.uint8]) -> FloatArray:
        """Embed uint8 (n, s, s, 3) into float32 (n, d)."""
        done: list[FloatArray] = []
        start = 0
        with self._lock:
            while start < len(images):
                batch = images[start : start + self.batch_size]
                try:
                    done.append(self._embed(batch))
                    start += len(batch)
                except self._torch.cuda.OutOfMemoryError:
                    if len(batch) == 1:
                        raise
                    self.batch_size = max(1, len(batch) // 2)
                    log.warning("out of CUDA memory: going on with batches of %d images", self.batch_size)
                    self._torch.cuda.empty_cache()
        return np.concatenate(done)

    def _embed(self, batch: NDArray[np.uint8]) -> FloatArray:
        torch = self._torch
        cuda = self.device.startswith("cuda")
        pixels = torch.from_numpy(np.ascontiguousarray(batch))
        if cuda:
            pixels = pixels.pin_memory()
            manner: Any = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        else:
            manner = one_torch_thread(torch)
        with torch.inference_mode(), manner:
            rows = self._module(pixels.to(self.device, non_blocking=True))
        return np.asarray(rows.float().cpu().numpy(), dtype=np.float32)
