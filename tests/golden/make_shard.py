"""Writes cache/format-2.shard, as the present code does: never again once the format has a new number.

Run it as ``python tests/golden/make_shard.py``. cache/format-1.shard was written by the version that wrote format 1,
with the same rows; a new format adds a file and leaves the old ones, so that every version shows that it reads them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ai_models.features.shards.file_format import FORMAT, write_shard
from ai_models.features.shards.index import packed
from ai_models.features.shards.shard import Shard, row_digests

FOLDER = Path(__file__).parent / "cache"
BLOCK = "golden-" + "0" * 32
KEYS = [f"{i:064x}" for i in range(2)] + ["onnx"]
ROWS = np.arange(24, dtype=np.float32).reshape(3, 2, 4) / 7


def write(folder: Path) -> Path:
    """Write the rows as a shard of the present format into the folder of their block."""
    memory = ROWS.reshape(-1).view(np.uint8).data
    path = folder / BLOCK / ("0" * 32 + ".shard")
    return write_shard(
        path, Shard(path, BLOCK, ROWS.dtype, (2, 4), packed(KEYS), row_digests(memory, 3), 0), [memory]
    ).path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        (FOLDER / f"format-{FORMAT}.shard").write_bytes(write(Path(made)).read_bytes())
