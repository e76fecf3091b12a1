"""Write the list of names that the pickle of a model may use, from models and parts of models that are made here.

    python benchmarks/pickled_names.py [--check] [MODEL_DIRECTORY ...]

Every kind of member is fitted on two and on three classes, every detector, every encoder; every block and every group
of settings is made. Model directories may be named beside them. `--check` writes nothing and fails where a name is
missing.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.preprocessing import LabelEncoder

from ai_models.artifacts import allowed_names
from ai_models.artifacts.unpickling import trace
from ai_models.classifier import HybridClassifier
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.ensemble.combination import Combination
from ai_models.ensemble.judge import Judge
from ai_models.ensemble.members import KINDS, MemberSpec
from ai_models.ensemble.outliers import FoldDetectors, OutlierDetector, OutlierTest
from ai_models.ensemble.photograph_quality import QualityTest
from ai_models.ensemble.prediction_sets import PredictionSets
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.features import HybridFeatureExtractor, registry
from ai_models.features.base import BaseFeatureExtractor
from ai_models.features.encoder import BagOfWordsEncoder, VladEncoder

Uses = dict[tuple[str, str], set[str]]
PAGE = Path(allowed_names.__file__)
HEAD = '''"""Names that the pickle of a model may use, and how: written by `benchmarks/pickled_names.py`, not by hand.

``made``: instances of the class are made and given a state. ``called``: it is called. Empty: it is only handed on. None
of the functions here runs what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ALLOWED"]

ALLOWED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
'''


def classifier(k: int, folder: Path) -> HybridClassifier:
    """Return a classifier of k classes that holds every kind of part."""
    rng = np.random.default_rng(k)
    n, d = 30 * k, 24
    labels = np.array([f"class {i % k}" for i in range(n)])
    y = np.arange(n) % k
    X = (rng.normal(size=(n, d)) + 2 * y[:, None]).astype(np.float32)
    groups = np.array([f"g{i // 2}" for i in range(n)])
    columns = {"cnn": slice(0, 12), "colour": slice(12, d)}
    scaler = BlockScaler(columns).fit(X)
    specs = [MemberSpec(kind, ("cnn", "colour")) for kind in KINDS]
    specs += [MemberSpec("logistic", ("cnn",), 4, (("C", 100.0), ("class_weight", "balanced")))]
    vote = Combination(tuple(specs), tuple([1 / len(specs)] * len(specs)), 1.0)
    ensemble = VotingEnsemble(vote, scaler.slices_).fit(scaler.transform(X), labels)
    detectors = FoldDetectors(tuple(OutlierDetector((slice(0, 12),), f).fit(X, y) for f in range(2)))
    scores = detectors.folds[0].scores(X)
    p = ensemble.predict_proba(scaler.transform(X))
    quality = QualityTest().fit(np.abs(rng.normal(size=(n, 5))).astype(np.float32) + 1, groups)
    sets = PredictionSets().fit(p, y, groups)
    judge = Judge(sets, OutlierTest().fit(scores, groups, np.zeros(n)), 0.05, 0.5, quality)
    extractor = HybridFeatureExtractor(FeatureConfig(), PreprocessConfig(), workers=1)
    rows = rng.normal(size=(4, 40, 128)).astype(np.uint8)
    mapped = np.memmap(folder / "rows", dtype=np.float32, mode="w+", shape=(3,))  # what worker processes give back
    extractor.encoders_ = {
        "sift": VladEncoder(0, words=4, components=4).fit(rows),
        "orb": BagOfWordsEncoder(0).fit(np.pad(rows[..., :32], ((0, 0), (0, 0), (0, 1)), constant_values=1)),
        "mapped": mapped,
        "settings": [np.float64(1), np.int64(1), np.bool_(True), np.str_("a"), slice(0, 1), *blocks()],
    }
    return HybridClassifier(extractor, scaler, ensemble, detectors, judge, tuple(np.unique(labels).tolist()))


def blocks() -> list[BaseFeatureExtractor]:
    """Return every block of this package."""
    return [block(FeatureConfig()) for block in registry._BLOCKS.values() if block.__module__.startswith("ai_models.")]


def pickled(value: object) -> bytes:
    """Return what `joblib.dump` writes."""
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=("zlib", 1))
    return stream.getvalue()


def uses(directories: list[Path]) -> Uses:
    """Return every name that is used, and how."""
    found: Uses = defaultdict(set)
    with tempfile.TemporaryDirectory() as place:
        values: list[Any] = [classifier(k, Path(place)) for k in (2, 3)]
        data = [pickled(value) for value in (*values, LabelEncoder().fit(["a", "b"]))]
    data += [file.read_bytes() for directory in directories for file in sorted(directory.glob("*.joblib"))]
    for one in data:
        for name, how in trace(one).items():
            found[name] |= how
    return found


def page(found: Uses) -> str:
    """Return the module that lists the names."""
    lines: dict[str, list[str]] = defaultdict(list)
    for (module, name), how in sorted(found.items()):
        lines[module].append(f'"{name}": "{" ".join(sorted(how - {"named"}))}"')
    body = "".join(
        f'        "{m}": {{\n' + "".join(f"            {x},\n" for x in xs) + "        },\n" for m, xs in lines.items()
    )
    return HEAD + body + "    }\n)\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directories", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    found = uses(options.directories)
    if options.check:
        missing = [
            f"{module}.{name} {how}"
            for (module, name), how in found.items()
            if not how - {"named"} <= set(allowed_names.ALLOWED.get(module, {}).get(name, "").split())
            or name not in allowed_names.ALLOWED.get(module, {})
        ]
        sys.exit("\n".join(["missing:", *missing]) if missing else 0)
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"{len(found)} names: {PAGE}")


if __name__ == "__main__":
    main()
