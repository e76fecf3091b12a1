"""What one answer costs: from a file to its result, one image after another, in a warm process on one thread.

    python benchmarks/latency.py --data DIR [--work-dir .latency] [--folder amulets] [--images 200]
    python benchmarks/latency.py --table

``--data`` is a folder that holds the folder of photographs (and ``FOLDER.csv``, its objects, where there is one).
Models of the presets ``fast`` and ``balanced`` are trained on it and kept below ``--work-dir``, each with the vote that
training chose and with one in which every candidate votes. ``answer`` is `Predictor.predict` from the path of a file,
``after features`` is everything that follows the features of the image. Beside the latter stands the same by
scikit-learn's own objects, asked one after another on the same rows in the same run, with the difference of the
probabilities. Each stage is then timed alone. Writes ``benchmarks/results/latency.json`` and, from it, the table of
``docs/latency.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from latency_models import VOTES, model
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ai_models.classifier import HybridClassifier
from ai_models.core.images import read_bytes, walk_images
from ai_models.core.settings import PreprocessConfig
from ai_models.ensemble.combination import softmax
from ai_models.ensemble.compiled import CompiledVote, IsolationForests
from ai_models.ensemble.members import logits
from ai_models.ensemble.outliers import DETECTORS, OutlierDetector, _unit
from ai_models.execution import single_threaded_libraries
from ai_models.features.working import seen
from ai_models.predictor import Predictor

HERE = Path(__file__).parent
RESULTS, DOCS = HERE / "results" / "latency.json", HERE.parent / "docs" / "latency.md"
START, END = "<!-- figures: benchmarks/latency.py --table -->", "<!-- end of figures -->"
PRESETS = ("fast", "balanced")
MEMBERS = {
    "logistic, LDA, prototype": ("logistic", "lda", "prototype"),
    "SVM": ("svm",),
    "forests, boosting": ("forest", "boosting"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds the folder of photographs")
    parser.add_argument("--folder", default="amulets")
    parser.add_argument("--work-dir", type=Path, default=Path(".latency"), help="keeps models and features")
    parser.add_argument("--images", type=int, default=200, help="images that are timed")
    parser.add_argument("--table", action="store_true", help="only write the table")
    given = parser.parse_args()
    if given.data is None and not given.table:
        parser.error("give --data DIR to measure, or --table to write what was measured")
    if given.data is not None:
        RESULTS.write_text(json.dumps(_measured(given), indent=1) + "\n", encoding="utf-8")
    _write(json.loads(RESULTS.read_text(encoding="utf-8")))


def _measured(given: argparse.Namespace) -> dict[str, Any]:
    folder, groups = given.data / given.folder, given.data / f"{given.folder}.csv"
    there = [folder / path for path in sorted(walk_images(folder))]
    files = [there[i % len(there)] for i in range(given.images)]
    found = {}
    for preset in PRESETS:
        for vote in VOTES:
            classifier = model(given.work_dir, preset, vote, folder, groups if groups.is_file() else None)
            found[f"{preset}, {vote}"] = row = _of_model(classifier, files)
            print(f"{preset}, {vote}: " + json.dumps(row["milliseconds"]), flush=True)
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    return {"folder": given.folder, "images": len(files), "machine": machine, "models": found}


def _of_model(classifier: HybridClassifier, files: Sequence[Path]) -> dict[str, Any]:
    classifier.extractor.workers = 1
    predictor = Predictor(classifier)
    raw = classifier.extractor.extract_raw(files[: len(set(files))], label="")
    X, quality = classifier.extractor.encode(raw), raw.quality
    times: dict[str, list[float]] = {"answer": [], "after features": [], "after features, scikit-learn": []}
    busy: dict[str, list[float]] = {"answer": [], "after features": []}
    away = 0.0
    for i, file in enumerate(files):
        row = slice(i % len(X), i % len(X) + 1)
        _timed(times["answer"], lambda file=file: predictor.predict(file), busy["answer"])
        said = _timed(
            times["after features"],
            lambda row=row: predictor._model.judge_features(X[row], quality[row]),
            busy["after features"],
        )
        if i < len(files) // 4:  # slow
            other = _timed(times["after features, scikit-learn"], lambda row=row: _by_scikit_learn(classifier, X[row]))
            away = max(away, float(np.abs(said.probabilities - other).max()))
    return {
        "members": len(classifier.ensemble.members_),
        "folds": len(classifier.detector.folds),
        "columns": int(X.shape[1]),
        "milliseconds": {name: _summary(values) for name, values in times.items()},
        "milliseconds of the processor": {name: _summary(values) for name, values in busy.items()},
        "largest difference of a probability": away,
        "stages": _stages(classifier, list(dict.fromkeys(files)), X, quality),
    }


def _by_scikit_learn(classifier: HybridClassifier, X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the probabilities as every estimator's own methods give them; the detectors answer too."""
    vote = classifier.ensemble
    with threadpool_limits(limits=1):
        Z = classifier.scaler.transform(X)
        said = {s: logits(m, Z[:, columns], s.kind, len(vote.classes_)) for s, columns, m in vote.members_}
        scores = np.stack([_scores_by_scikit_learn(fold, X) for fold in classifier.detector.folds])
        classifier.judge.judge(classifier.classes, p := softmax(vote.combination.logits(said)), scores)
    return p


def _scores_by_scikit_learn(fold: OutlierDetector, X: NDArray[np.float32]) -> NDArray[np.float64]:
    rows = _unit(X, fold.columns)
    view = fold.view_.transform(rows)
    fold.view_.head_.decision_function(rows.astype(np.float64))
    scores = [
        -detector.forest_.score_samples(rows) if hasattr(detector, "forest_") else detector.scores(view)
        for detector in fold.detectors_
    ]
    return np.stack(scores, axis=1)


def _stages(
    classifier: HybridClassifier, files: Sequence[Path], X: NDArray[np.float32], quality: NDArray[np.float32]
) -> dict[str, Any]:
    extractor, vote = classifier.extractor, classifier.ensemble
    config, side = PreprocessConfig(), min(block.image_size for block in extractor.blocks)
    sizes = {block.image_size for block in extractor.blocks}
    data = [read_bytes(file) for file in files]
    squares = [seen(d, sizes, config, None)[0] for d in data]
    raws = [extractor.extract_raw([d], label="") for d in data[:40]]
    Z = classifier.scaler.transform(X)
    k = len(classifier.classes)
    stages: dict[str, Any] = {}

    def time_each(name: str, work: Callable[[int], Any], count: int = len(files)) -> None:
        values: list[float] = []
        with single_threaded_libraries():
            work(0)
            for i in range(count):
                _timed(values, lambda i=i: work(i))
        stages[name] = _summary(values)

    time_each("read and hash", lambda i: hashlib.sha256(read_bytes(files[i])).hexdigest())
    time_each("decode, resize, quality", lambda i: seen(data[i], sizes, config, side))
    for block in extractor.blocks:  # the stages of a network come with its embedding, in one pass
        time_each(f"block {block.name}", lambda i, block=block: block.extract_many([squares[i][block.image_size]]))
    time_each("encode", lambda i: extractor.encode(raws[i]), len(raws))
    pipeline = vote.behind(classifier.scaler)
    time_each("scaler and members", lambda i: pipeline.logits(X[i : i + 1]))
    time_each("scaler", lambda i: classifier.scaler.transform(X[i : i + 1]))
    for name, kinds in MEMBERS.items():
        some = [member for member in vote.members_ if member[0].kind in kinds]
        if some:
            compiled = CompiledVote(some, Z.shape[1], k)
            time_each(f"members: {name} ({len(some)})", lambda i, c=compiled: c.logits(Z[i : i + 1]))
            time_each(
                f"members: {name} ({len(some)}), scikit-learn",
                lambda i, some=some: [logits(m, Z[i : i + 1, columns], s.kind, k) for s, columns, m in some],
                10,
            )
    folds = classifier.detector.folds
    rows = _unit(X, folds[0].columns)
    time_each("detectors: view", lambda i: [fold.view_.transform(rows[i : i + 1]) for fold in folds])
    views = [[fold.view_.transform(rows[i : i + 1]) for fold in folds] for i in range(len(rows))]
    for d, name in enumerate(DETECTORS):
        detectors = [fold.detectors_[d] for fold in folds]
        if hasattr(detectors[0], "forest_"):
            forests = IsolationForests([detector.forest_ for detector in detectors])
            time_each(f"detectors: {name}", lambda i, f=forests: f.scores(rows[i : i + 1]))
            time_each(
                f"detectors: {name}, scikit-learn",
                lambda i, d=detectors: [one.forest_.score_samples(rows[i : i + 1]) for one in d],
                10,
            )
        else:
            time_each(
                f"detectors: {name}",
                lambda i, d=detectors: [one.scores(view) for one, view in zip(d, views[i], strict=True)],
            )
    scores, p = classifier.detector.scores(X), vote.predict_proba(Z)
    time_each(
        "judge",
        lambda i: classifier.judge.judge(classifier.classes, p[i : i + 1], scores[:, i : i + 1], quality[i : i + 1]),
    )
    return stages


def _timed(into: list[float], work: Callable[[], Any], busy: list[float] | None = None) -> Any:
    start, own = time.perf_counter(), time.thread_time()
    result = work()
    into.append(time.perf_counter() - start)
    if busy is not None:
        busy.append(time.thread_time() - own)
    return result


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    values = 1000 * np.array(seconds)
    return {"median": round(float(np.median(values)), 4), "p95": round(float(np.quantile(values, 0.95)), 4)}


def _write(found: dict[str, Any]) -> None:
    text = DOCS.read_text(encoding="utf-8")
    head, _, rest = text.partition(START)
    _, _, tail = rest.partition(END)
    DOCS.write_text(f"{head}{START}\n\n{table(found)}\n\n{END}{tail}", encoding="utf-8")


def table(found: dict[str, Any]) -> str:
    """Return the tables of the page, in Markdown."""
    whole = [
        "| preset, vote | members | answer | 95 % below | computing | after features | 95 % below | scikit-learn |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in found["models"].items():
        times = row["milliseconds"]
        after, before = times["after features"], times["after features, scikit-learn"]
        ratio = before["median"] / after["median"]
        whole.append(
            f"| {name} | {row['members']} | {times['answer']['median']:.1f} | {times['answer']['p95']:.1f} | "
            f"{row['milliseconds of the processor']['answer']['median']:.1f} | "
            f"{after['median']:.2f} | {after['p95']:.2f} | {before['median']:.0f} ({ratio:.0f}x) |"
        )
    names = list(dict.fromkeys(stage for row in found["models"].values() for stage in row["stages"]))
    each = [f"| stage | {' | '.join(found['models'])} |", "|---|" + "---:|" * len(found["models"])]
    for stage in names:
        cells = [row["stages"].get(stage) for row in found["models"].values()]
        each.append(f"| {stage} | " + " | ".join(f"{c['median']:.2f}" if c else "" for c in cells) + " |")
    machine = found["machine"]
    note = (
        f"Milliseconds; {found['images']} answers a model, one after another, on {machine['processor']} with "
        f"{machine['cores']} cores, one thread, Python {machine['python']}; photographs of `{found['folder']}`."
    )
    return "\n".join([note, "", *whole, "", "Medians of each stage alone:", "", *each])


if __name__ == "__main__":
    main()
