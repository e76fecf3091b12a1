"""Images to numbers: blocks of features, computed once, kept by content, encoded with what training rows taught."""

from ai_models.features.base import BaseFeatureExtractor, Encoder
from ai_models.features.cache import CacheInfo, FeatureCache
from ai_models.features.cnn import CnnExtractor, WideCnnExtractor
from ai_models.features.colour import ColourExtractor
from ai_models.features.extraction import RawFeatures
from ai_models.features.hog import HogExtractor
from ai_models.features.hybrid import HybridFeatureExtractor
from ai_models.features.lbp import LbpExtractor
from ai_models.features.orb import OrbExtractor
from ai_models.features.registry import register, registered
from ai_models.features.sift import SiftExtractor

__all__ = [
    "BaseFeatureExtractor",
    "CacheInfo",
    "CnnExtractor",
    "ColourExtractor",
    "Encoder",
    "FeatureCache",
    "HogExtractor",
    "HybridFeatureExtractor",
    "LbpExtractor",
    "OrbExtractor",
    "RawFeatures",
    "SiftExtractor",
    "WideCnnExtractor",
    "register",
    "registered",
]
