"""Write a small model directory of the format that the installed version of the product writes: ``bundle-format-N/``.

    python tests/golden/make_bundle.py

Run it before the format changes, and keep what it writes: a later version must go on reading it. The pictures are
drawn.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from ai_models.artifacts import FORMAT, save_bundle
from ai_models.classifier import HybridClassifier
from ai_models.core.settings import FeatureConfig
from ai_models.ensemble.combination import Combination
from ai_models.ensemble.judge import Judge
from ai_models.ensemble.members import MemberSpec
from ai_models.ensemble.outliers import FoldDetectors, OutlierDetector, OutlierTest
from ai_models.ensemble.prediction_sets import PredictionSets
from ai_models.ensemble.scaler import BlockScaler
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.features.hybrid import HybridFeatureExtractor

CLASSES = ("พระแดง", "green", "blue")
TONES = ((150, 90, 80), (90, 145, 85), (85, 95, 150))


def picture(kind: int, number: int) -> bytes:
    """Return a PNG of noise about a colour."""
    rng = np.random.default_rng([kind, number])
    tone = np.array(TONES[kind]) + rng.normal(0, 22, 3)
    stream = io.BytesIO()
    Image.fromarray(np.clip(tone + rng.normal(0, 25, (32, 32, 3)), 0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def model() -> HybridClassifier:
    """Return a plain vote of three colours."""
    pictures = [picture(kind, number) for kind in range(3) for number in range(8)]
    y = np.repeat(np.arange(3), 8)
    config = FeatureConfig(
        use_cnn_features=False, use_hog_features=False, use_lbp_features=False, use_sift_features=False,
        image_size=32, cache_features=False,
    )  # fmt: skip
    extractor = HybridFeatureExtractor(config, workers=1)
    X = extractor.fit_raw(extractor.extract_raw(pictures, label="")).transform(pictures)
    scaler = BlockScaler(extractor.block_slices).fit(X)
    members = (MemberSpec("logistic", ("colour",)), MemberSpec("svm", ("colour",)))
    labels = np.array(CLASSES)[y]
    ensemble = VotingEnsemble(Combination(members, (0.5, 0.5), 1.0), scaler.slices_)
    ensemble.fit(scaler.transform(X), labels)
    p = ensemble.predict_proba(scaler.transform(X))
    codes = np.searchsorted(ensemble.classes_, labels)
    groups = np.arange(len(y)).astype(str)
    detector = OutlierDetector((slice(None),)).fit(X, codes)
    test = OutlierTest().fit(detector.scores(X), groups, np.zeros(len(y)))
    judge = Judge(PredictionSets().fit(p, codes, groups), test, 0.05, 0.5)
    return HybridClassifier(
        extractor, scaler, ensemble, FoldDetectors((detector,)), judge, tuple(ensemble.classes_.tolist())
    )


def main() -> None:
    made, place = model(), Path(__file__).parent / f"bundle-format-{FORMAT}"
    new = [picture(kind, 100 + kind) for kind in range(3)]
    expected = {"classes": list(made.classes), "probabilities": made.predict_proba(new).tolist()}
    save_bundle(made, place, {"training_config.json": json.dumps(expected, ensure_ascii=False).encode("utf-8")})


if __name__ == "__main__":
    main()
