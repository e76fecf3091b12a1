"""The section of the report that says which model was judged."""

from __future__ import annotations

from typing import Any

from ai_models.reporting.page import Page

__all__ = ["add_model_section"]


def add_model_section(page: Page, metrics: dict[str, Any]) -> None:
    """Add versions, digests and the training photographs."""
    model = metrics["model"]
    facts = [
        ["amulet-ai", model["amulet_ai"]],
        ["Python", model["python"]],
        *([name, version] for name, version in model["libraries"].items()),
        ["size of model.joblib", f"{model['megabytes']:.1f} MB"],
        ["seed of training", model["seed"]],
        ["seed of this evaluation", metrics["seed"]],
        ["digest of the model", model["model_digest"]],
        ["digest of the features", model["feature_digest"]],
    ]
    parts: list[str] = []
    if model["training_counts"]:
        rows = [[name, *counts] for name, counts in sorted(model["training_counts"].items())]
        parts = [page.heading("Training photographs"), page.table(["class", "images", "objects"], rows)]
    page.section("The model", page.table(["fact", "value"], facts), *parts)
