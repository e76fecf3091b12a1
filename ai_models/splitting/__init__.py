"""Stage 2: a manifest gets its split and fold columns; no file is moved, groups stay whole."""

from ai_models.splitting.sides import crossing_groups, split_for_training, split_manifest
from ai_models.splitting.summary import summary

__all__ = ["crossing_groups", "split_for_training", "split_manifest", "summary"]
