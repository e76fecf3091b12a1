"""What was fitted, as plain arrays for a fast answer: equal to scikit-learn's own within rounding, never pickled."""

from ai_models.ensemble.compiled.flat_trees import FlatTrees, Nodes
from ai_models.ensemble.compiled.isolation import IsolationForests
from ai_models.ensemble.compiled.pipeline import CompiledPipeline
from ai_models.ensemble.compiled.vote import CompiledVote

__all__ = ["CompiledPipeline", "CompiledVote", "FlatTrees", "IsolationForests", "Nodes"]
