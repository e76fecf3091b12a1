"""A model in the formats of other programs, written only where it gives the model's own answers."""

from ai_models.artifacts.export.exporting import EXPORT_FILE, FORMATS, export_model

__all__ = ["EXPORT_FILE", "FORMATS", "export_model"]
