"""The machine that a figure was measured on, in a few facts."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "opencv-contrib-python-headless", "onnxruntime", "openvino", "torch", "pillow", "scikit-image")


def machine_facts() -> dict[str, Any]:
    """Return processor, cores, memory, what it computes in hardware, and versions."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = told.get("flags", "").split()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30 if hasattr(os, "sysconf") else 0.0
    return {
        "processor": f"{told.get('model name', platform.processor())}, family {told.get('cpu family', '?')}",
        "cores": os.cpu_count(),
        "memory_gb": round(memory, 1),
        "flags": [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
