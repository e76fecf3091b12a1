"""From a small folder of photographs to a calibrated classifier that knows when it does not know.

The data's way, one stage after the other; `pipeline` is the whole of it on one page::

      0 downloading    -> folder of images from a list, ledger                                 amulet-ai download
    folder of images
      1 inspection     -> manifest with groups, findings, report     dataset_inspector.py      amulet-ai inspect
      2 splitting      -> its columns split and fold                                           amulet-ai split
      3 augmentation   -> copies of training photographs             augmentation_pipeline.py  amulet-ai augment
      4 features       -> float32 (n, d), cached on disk             feature_extractors.py     amulet-ai extract
      5 training       -> model directory                            hybrid_trainer.py         amulet-ai train
      6 evaluation     -> figures with their uncertainty, report     evaluation_suite.py       amulet-ai evaluate
                     -> why a prediction is what it is                                         amulet-ai explain
      7 serving        -> answers over HTTP, files for a server      production_deployment.py  amulet-ai serve, deploy

Below the stages, from the top down: `reporting` (charts and pages), `predictor` (a model that is warm), `artifacts`
(what a model directory holds), `crossfit` (grouped out-of-fold fitting), `explaining` (why a model says what it says),
`classifier` (the thing that is saved), `duplicates` (which images show one object), `features` and `ensemble`, then
`cluster` (past one machine), `execution`, `transforms`, `corruptions`, `preprocessing`, `quality`, `folds`, `metrics`,
then `backgrounds` (found and replaced), and `core`.
``setup.cfg`` says who may import whom.

>>> import ai_models
>>> model = ai_models.load_model("saved_models/mine")  # doctest: +SKIP
>>> model.predict_one("photograph.jpg").verdict  # doctest: +SKIP
>>> ai_models.Predictor.load("saved_models/mine").predict("photograph.jpg").verdict  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_models._version import __version__
from ai_models.core.lazy import lazy_names

if TYPE_CHECKING:
    from ai_models.artifacts import load_model
    from ai_models.classifier import HybridClassifier
    from ai_models.core.predictions import Prediction, Predictions
    from ai_models.core.records import ImageRecord, Manifest
    from ai_models.core.settings import FeatureConfig, PreprocessConfig, TrainingConfig
    from ai_models.features.base import BaseFeatureExtractor
    from ai_models.features.hybrid import HybridFeatureExtractor
    from ai_models.predictor import Predictor

__all__ = [
    "BaseFeatureExtractor",
    "FeatureConfig",
    "HybridClassifier",
    "HybridFeatureExtractor",
    "ImageRecord",
    "Manifest",
    "Prediction",
    "Predictions",
    "Predictor",
    "PreprocessConfig",
    "TrainingConfig",
    "__version__",
    "load_model",
]
__getattr__ = lazy_names(
    __name__,
    {
        "BaseFeatureExtractor": "ai_models.features.base",
        "FeatureConfig": "ai_models.core.settings",
        "HybridClassifier": "ai_models.classifier",
        "HybridFeatureExtractor": "ai_models.features.hybrid",
        "ImageRecord": "ai_models.core.records",
        "Manifest": "ai_models.core.records",
        "Prediction": "ai_models.core.predictions",
        "Predictions": "ai_models.core.predictions",
        "Predictor": "ai_models.predictor",
        "PreprocessConfig": "ai_models.core.settings",
        "TrainingConfig": "ai_models.core.settings",
        "load_model": "ai_models.artifacts",
    },
)
