"""Training rows -> changed copies of them, balanced by class, as new files and new rows of the manifest."""

from __future__ import annotations

from ai_models.augmentation.allotment import ClassShare, allot
from ai_models.augmentation.stage import AugmentationPipeline, augment_manifest

__all__ = ["AugmentationPipeline", "ClassShare", "allot", "augment_manifest"]
