"""Do the backends of a network agree? Cosine of their features, and labels of a classifier fitted on one of them.

    python benchmarks/parity.py FOLDER... [--json FILE]

A logistic regression is fitted on the embedding that ONNX Runtime gives for four fifths of the photographs, and labels
the rest by the embedding of every backend. A label that differs is a flip; flips where ONNX Runtime's two likeliest
classes are more than 0.001 apart are counted apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine_facts
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from ai_models.core.images import read_bytes, walk_images
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.execution import single_threaded_libraries
from ai_models.features import CnnExtractor
from ai_models.features.onnx_export import run_onnx
from ai_models.features.openvino_runner import OpenVinoRunner, openvino_precision
from ai_models.features.working import working_image

HERE = Path(__file__).parent
CLEAR = 1e-3
REFERENCE = "ONNX Runtime, fp32"
BATCH = 2
Describe = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--json", type=Path, default=HERE / "results" / "parity.json")
    given = parser.parse_args()
    rows = [row for folder in given.folders for row in compared(folder)]
    table = [
        "| photographs | backend | ms an image | least cosine, embedding | stages | other labels | clear ones |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {r['folder']}, {r['scored']} labelled | {r['backend']} | {r['ms']:.2f} | {r['cosine']:.6f} | "
            f"{r['cosine_stages']:.6f} | {r['flips']} | {r['clear']} |"
            for r in rows
        ),
        f"\nClear: the two likeliest classes are more than {CLEAR} apart. One thread, batches of {BATCH}.",
    ]
    print("\n".join(table))
    given.json.write_text(json.dumps({"machine": machine_facts(), "rows": rows, "table": table}, indent=1) + "\n")


def compared(folder: Path) -> list[dict[str, Any]]:
    """Return a row a backend."""
    files = [folder / name for name in walk_images(folder)]
    labels = np.array([file.relative_to(folder).parts[0] for file in files])
    held_out = np.arange(len(files)) % 5 == 0
    images = np.stack([working_image(read_bytes(file), 224, PreprocessConfig()) for file in files])
    block = CnnExtractor(FeatureConfig(device="cpu"))
    width = len(block.get_feature_names())
    found, cost = {}, {}
    with single_threaded_libraries():
        for name, describe in backends(block).items():
            found[name] = _in_batches(describe, images)
            cost[name] = _milliseconds(describe, images[:32])
    embedding = {name: normalize(rows[:, :width]) for name, rows in found.items()}
    model = LogisticRegression(C=100, max_iter=2000).fit(embedding[REFERENCE][~held_out], labels[~held_out])
    sure = np.sort(model.predict_proba(embedding[REFERENCE][held_out]), axis=1)
    clear = sure[:, -1] - sure[:, -2] > CLEAR
    expected = model.predict(embedding[REFERENCE][held_out])
    rows = []
    for name, got in found.items():
        differs = model.predict(embedding[name][held_out]) != expected
        rows.append(
            {
                "folder": folder.name, "backend": name, "ms": cost[name], "scored": int(held_out.sum()),
                "cosine": _least_cosine(got[:, :width], found[REFERENCE][:, :width]),
                "cosine_stages": _least_cosine(got[:, width:], found[REFERENCE][:, width:]),
                "flips": int(differs.sum()), "clear": int((differs & clear).sum()),
            }
        )  # fmt: skip
    return rows


def backends(block: CnnExtractor) -> dict[str, Describe]:
    """Return what describes images, by name."""
    model = block.model_bytes()
    eager = CnnExtractor(FeatureConfig(device="cpu", cnn_backend="torch"))
    found: dict[str, Describe] = {REFERENCE: lambda images: run_onnx(model, images), "torch eager, fp32": eager._run()}
    for precision in dict.fromkeys(("fp32", openvino_precision())):
        found[f"OpenVINO, {precision}"] = OpenVinoRunner(model, precision)
    return found


def _in_batches(describe: Describe, images: np.ndarray) -> np.ndarray:
    return np.concatenate([describe(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])


def _milliseconds(describe: Describe, images: np.ndarray) -> float:
    """Return processor time of this thread for one image, the median of five: a busy machine costs nothing."""
    taken = []
    for _ in range(5):
        began = time.thread_time()
        _in_batches(describe, images)
        taken.append(time.thread_time() - began)
    return 1000 * statistics.median(taken) / len(images)


def _least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((normalize(a) * normalize(b)).sum(axis=1).min())


if __name__ == "__main__":
    main()
