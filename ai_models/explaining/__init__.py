"""Why a model says what it says: nearest training photographs, contributions, heat maps and how far to trust them."""

from ai_models.explaining.evidence import Evidence
from ai_models.explaining.explainer import Explainer, Explanation, HeatMap
from ai_models.explaining.overlay import overlay

__all__ = ["Evidence", "Explainer", "Explanation", "HeatMap", "overlay"]
