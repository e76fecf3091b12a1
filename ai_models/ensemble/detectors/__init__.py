"""Detectors of the unusual: each a small class, fitted on known rows. Higher = more unusual, everywhere."""

from ai_models.ensemble.detectors.base import Detector
from ai_models.ensemble.detectors.energy import Energy, VirtualLogit
from ai_models.ensemble.detectors.isolation_forest import Isolation
from ai_models.ensemble.detectors.mahalanobis import Mahalanobis, RelativeMahalanobis
from ai_models.ensemble.detectors.nearest_neighbours import NearestNeighbours
from ai_models.ensemble.detectors.view import PrincipalView, View

__all__ = [
    "Detector",
    "Energy",
    "Isolation",
    "Mahalanobis",
    "NearestNeighbours",
    "PrincipalView",
    "RelativeMahalanobis",
    "View",
    "VirtualLogit",
]
