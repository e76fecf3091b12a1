"""Peak memory of a manifest of a million rows: streamed into an array on disk, beside what holding it would take.

    python benchmarks/streaming.py [--rows 1000000] [--files 500] [--held]

The rows name a few small files again and again, all of them in the cache after the first thousand, so that time goes
into the streaming itself; blocks are colour and LBP of 64 pixels. ``--held`` measures the ordinary manifest instead:
only loading it. The result is appended to ``benchmarks/results/streaming.json``.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from ai_models.core.manifest_stream import ManifestStream
from ai_models.core.records import Manifest
from ai_models.core.settings import FeatureConfig
from ai_models.features.streamed_table import write_streamed_features

RESULTS = Path(__file__).parent / "results" / "streaming.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--held", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = _manifest(Path(folder), given.rows, given.files, distinct=given.held)
        before, began = _peak(), time.perf_counter()
        how = "held" if given.held else "streamed"
        if given.held:
            assert len(Manifest.load(manifest)) == given.rows
        else:
            _stream(manifest, Path(folder))
        run: dict[str, Any] = {
            "how": how, "rows": given.rows, "manifest_bytes": manifest.stat().st_size, "seconds": round(
                time.perf_counter() - began, 1
            ), "peak_mb": _peak(), "peak_before_mb": before,
        }  # fmt: skip
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"runs": []}
    kept["runs"].append(run)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(run))


def _manifest(folder: Path, rows: int, files: int, *, distinct: bool) -> Path:
    for number in range(files):
        picture = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f"{number:06d}.png")
    path = folder / "manifest.parquet"
    schema = pa.schema([("path", pa.string()), ("sha256", pa.string()), ("label", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, 50_000):
            numbers = range(start, min(start + 50_000, rows))
            names = [f"{n:09d}.png" if distinct else f"{n % files:06d}.png" for n in numbers]
            digests = [f"{n:064x}" for n in numbers]
            writer.write_table(pa.table({"path": names, "sha256": digests, "label": ["a"] * len(names)}, schema))
    return path


def _stream(manifest: Path, folder: Path) -> None:
    config = FeatureConfig(
        use_cnn_features=False, use_stages_features=False, use_hog_features=False, use_sift_features=False,
        image_size=64, cache_dir=str(folder / "cache"),
    )  # fmt: skip
    table = write_streamed_features(ManifestStream(manifest), folder / "out", features=config)
    array = np.load(folder / "out" / "features.npy", mmap_mode="r")
    assert array.shape == table.shape
    assert not table.unreadable
    assert np.array_equal(array[0], array[len(array) // 500 * 500 - 500]) or len(array) < 1000


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()
