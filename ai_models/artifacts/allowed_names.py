"""Names that the pickle of a model may use, and how: written by `benchmarks/pickled_names.py`, not by hand.

``made``: instances of the class are made and given a state. ``called``: it is called. Empty: it is only handed on. None
of the functions here runs what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ALLOWED"]

ALLOWED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ai_models.classifier": {
            "HybridClassifier": "made",
        },
        "ai_models.core.settings": {
            "FeatureConfig": "made",
            "PreprocessConfig": "made",
        },
        "ai_models.ensemble.combination": {
            "Combination": "made",
        },
        "ai_models.ensemble.conformal": {
            "ConformalReference": "made",
        },
        "ai_models.ensemble.detectors.energy": {
            "Energy": "made",
            "VirtualLogit": "made",
        },
        "ai_models.ensemble.detectors.isolation_forest": {
            "Isolation": "made",
        },
        "ai_models.ensemble.detectors.mahalanobis": {
            "Mahalanobis": "made",
            "RelativeMahalanobis": "made",
        },
        "ai_models.ensemble.detectors.nearest_neighbours": {
            "NearestNeighbours": "made",
        },
        "ai_models.ensemble.detectors.view": {
            "PrincipalView": "made",
        },
        "ai_models.ensemble.judge": {
            "Judge": "made",
        },
        "ai_models.ensemble.members": {
            "MemberSpec": "made",
        },
        "ai_models.ensemble.outliers": {
            "FoldDetectors": "made",
            "OutlierDetector": "made",
            "OutlierScale": "made",
            "OutlierTest": "made",
        },
        "ai_models.ensemble.photograph_quality": {
            "QualityTest": "made",
        },
        "ai_models.ensemble.prediction_sets": {
            "PredictionSets": "made",
        },
        "ai_models.ensemble.prototypes": {
            "NearestPrototype": "made",
        },
        "ai_models.ensemble.scaler": {
            "BlockScaler": "made",
        },
        "ai_models.ensemble.voting": {
            "VotingEnsemble": "made",
        },
        "ai_models.features.cnn": {
            "CnnExtractor": "made",
            "StagesExtractor": "made",
            "WideCnnExtractor": "made",
            "WideStagesExtractor": "made",
        },
        "ai_models.features.colour": {
            "ColourExtractor": "made",
        },
        "ai_models.features.encoder": {
            "BagOfWordsEncoder": "made",
            "VladEncoder": "made",
        },
        "ai_models.features.hog": {
            "HogExtractor": "made",
        },
        "ai_models.features.hybrid": {
            "HybridFeatureExtractor": "made",
        },
        "ai_models.features.lbp": {
            "LbpExtractor": "made",
        },
        "ai_models.features.orb": {
            "OrbExtractor": "made",
        },
        "ai_models.features.sift": {
            "SiftExtractor": "made",
        },
        "builtins": {
            "slice": "called",
        },
        "joblib.numpy_pickle": {
            "NumpyArrayWrapper": "made",
        },
        "numpy": {
            "dtype": "called",
            "memmap": "",
            "ndarray": "",
        },
        "numpy._core.multiarray": {
            "scalar": "called",
        },
        "numpy.random._pcg64": {
            "PCG64": "",
        },
        "numpy.random._pickle": {
            "__bit_generator_ctor": "called",
            "__generator_ctor": "called",
        },
        "numpy.random.bit_generator": {
            "SeedSequence": "",
            "__pyx_unpickle_SeedSequence": "called",
        },
        "sklearn._loss._loss": {
            "CyHalfBinomialLoss": "called",
            "CyHalfMultinomialLoss": "",
            "__pyx_unpickle_CyHalfMultinomialLoss": "called",
        },
        "sklearn._loss.link": {
            "Interval": "made",
            "LogitLink": "made",
            "MultinomialLogit": "made",
        },
        "sklearn._loss.loss": {
            "HalfBinomialLoss": "made",
            "HalfMultinomialLoss": "made",
        },
        "sklearn.discriminant_analysis": {
            "LinearDiscriminantAnalysis": "made",
        },
        "sklearn.ensemble._forest": {
            "RandomForestClassifier": "made",
        },
        "sklearn.ensemble._hist_gradient_boosting.binning": {
            "_BinMapper": "made",
        },
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": {
            "HistGradientBoostingClassifier": "made",
        },
        "sklearn.ensemble._hist_gradient_boosting.predictor": {
            "TreePredictor": "made",
        },
        "sklearn.ensemble._iforest": {
            "IsolationForest": "made",
        },
        "sklearn.linear_model._logistic": {
            "LogisticRegression": "made",
        },
        "sklearn.preprocessing._label": {
            "LabelEncoder": "made",
        },
        "sklearn.svm._classes": {
            "SVC": "made",
        },
        "sklearn.tree._classes": {
            "DecisionTreeClassifier": "made",
            "ExtraTreeRegressor": "made",
        },
        "sklearn.tree._tree": {
            "Tree": "called",
        },
    }
)
