"""Two models on the same photographs: which is better, by how much, and what so few objects leave open.

``sides`` what each says of photographs that it was not fitted on · ``shared`` the photographs that both judged ·
``differences`` paired figures and tests · ``report`` the page · ``compare`` all.
"""

from ai_models.evaluation.comparison.compare import Comparison, compare, compare_models
from ai_models.evaluation.comparison.differences import FIGURES

__all__ = ["FIGURES", "Comparison", "compare", "compare_models"]
