"""Rows with a split and folds -> a model directory."""

from ai_models.training.trainer import HybridTrainer, train_model

__all__ = ["HybridTrainer", "train_model"]
