"""Everything that is told of one prediction, put together."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ai_models.classifier import HybridClassifier, ImageSource
from ai_models.core.errors import AmuletError
from ai_models.core.images import RGBImage, read_bytes
from ai_models.core.predictions import Prediction
from ai_models.core.settings import ExplainConfig, FeatureConfig, PreprocessConfig
from ai_models.execution import single_threaded_libraries
from ai_models.explaining.contributions import (
    Contributions,
    averaged,
    background_rows,
    block_contributions,
    member_contributions,
)
from ai_models.explaining.evidence import Evidence, embedding_blocks, unit_vectors
from ai_models.explaining.insertion_deletion import MapScore, score_map
from ai_models.explaining.nearest import Nearest, nearest_photographs
from ai_models.explaining.saliency import network_maps, upsampled
from ai_models.explaining.surrogate import Fidelity, Surrogate, fit_surrogate
from ai_models.features import HybridFeatureExtractor
from ai_models.features.extraction import working_images

__all__ = ["Explainer", "Explanation", "HeatMap"]


@dataclass(frozen=True)
class HeatMap:
    """Where in the image the network's evidence lies, and how far that can be believed.

    Attributes
    ----------
    maps
        Network block -> float64 (h, w): positive speaks for the predicted class, negative for the other.
    score
        Insertion and deletion beside maps that know nothing; None where it was not asked for.
    surrogate_class
        The class that the surrogate names for this image.
    surrogate_probability
        What the surrogate gives to the class that the model predicts.
    fidelity
        The surrogate's agreement with the model on the training photographs.
    """

    maps: Mapping[str, NDArray[np.float64]]
    score: MapScore | None
    surrogate_class: str
    surrogate_probability: float
    fidelity: Fidelity


@dataclass(frozen=True)
class Explanation:
    """What is told of one prediction.

    Attributes
    ----------
    prediction
        What the model says.
    against
        The runner-up, against which everything is told.
    nearest
        The training photographs that look most like the image.
    members, blocks
        Their parts of the margin log(p of the predicted class / p of the runner-up).
    heat_map
        None where there is none.
    no_map
        Why there is no heat map, as a sentence; empty where there is one.
    """

    prediction: Prediction
    against: str
    nearest: Nearest
    members: Contributions
    blocks: Contributions
    heat_map: HeatMap | None
    no_map: str = ""


class Explainer:
    """Explains predictions of one model.

    Parameters
    ----------
    model
        The model.
    evidence
        The photographs that it was trained on.
    config
        How many neighbours, steps, random maps; `ExplainConfig()` when None.
    """

    def __init__(self, model: HybridClassifier, evidence: Evidence, config: ExplainConfig | None = None) -> None:
        self.model = model
        self.evidence = evidence
        self.config = config or ExplainConfig()

    @cached_property
    def surrogate(self) -> Surrogate | None:
        """The differentiable head, fitted when it is first asked for; None where no member sees a network."""
        with single_threaded_libraries():
            return fit_surrogate(self.evidence)

    @cached_property
    def _background(self) -> NDArray[np.float64]:
        return self.evidence.scaled[background_rows(self.evidence, self.config.seed)].astype(np.float64)

    @cached_property
    def _bare(self) -> HybridFeatureExtractor:
        """The model's extractor for images that are preprocessed already; keeps nothing of what it is shown."""
        bare = copy.copy(self.model.extractor)
        bare.config = (bare.config or FeatureConfig()).replace(cache_features=False)
        bare.preprocess = None
        return bare

    def explain(self, item: ImageSource, *, without_group: str | None = None) -> Explanation:
        """Explain what the model says of one image.

        Parameters
        ----------
        item
            A file, the bytes of one, or RGB pixels.
        without_group
            The object that the image shows, where the model was trained on it: it is no evidence.

        Raises
        ------
        ImageError, DataError
            When the image cannot be read.
        """
        model = self.model
        images = self._working(item)
        raw = model.extractor.extract_raw([item], label="")
        looks = model.looks(raw)
        X = looks[0]
        prediction = model.judge_raw(raw)[0]
        a, b = (int(c) for c in np.argsort(-model.probabilities_of(*looks)[0], kind="stable")[:2])
        with single_threaded_libraries():
            seen = [model.scaler.transform(look)[0] for look in looks]
            z = seen[0]
            unit = unit_vectors(model, X, embedding_blocks(model))[0]
            nearest = nearest_photographs(self.evidence, unit, self.config.neighbours, without_group=without_group)
            members = averaged([member_contributions(model.ensemble, look, a, b) for look in seen])
            blocks = averaged([block_contributions(model.ensemble, look, self._background, a, b) for look in seen])
        try:
            heat_map, no_map = self._heat_map(images, z, a, b), ""
        except AmuletError as error:
            heat_map, no_map = None, str(error)
        if heat_map is None and not no_map:
            no_map = "no voting member of this model looks at a network's features, so there is no heat map"
        return Explanation(prediction, model.classes[b], nearest, members, blocks, heat_map, no_map)

    def _working(self, item: ImageSource) -> dict[int, RGBImage]:
        """Return what blocks see of the image by the side of their square."""
        data = item if isinstance(item, (bytes, np.ndarray)) else read_bytes(os.fspath(item))
        sizes = dict.fromkeys(block.image_size for block in self.model.extractor.blocks)
        return working_images(data, sizes, self.model.extractor.preprocess or PreprocessConfig())

    def _heat_map(self, images: Mapping[int, RGBImage], z: NDArray[np.float64], a: int, b: int) -> HeatMap | None:
        surrogate = self.surrogate
        if surrogate is None:
            return None
        maps = network_maps(self.model, surrogate, images, a, b)
        said = surrogate.probabilities(z[None])[0]
        score = None
        if self.config.score:
            image = images[max(images)]  # blocks of another size see it reduced
            grid = next(iter(maps.values())).shape
            score = score_map(
                lambda changed: self._probability(changed, a), image, upsampled(maps, *image.shape[:2]),
                (grid[0], grid[1]),
                steps=self.config.steps, random_maps=self.config.random_maps, seed=self.config.seed,
            )  # fmt: skip
        named = self.model.classes[int(said.argmax())]
        return HeatMap(maps, score, named, float(said[a]), surrogate.fidelity)

    def _probability(self, images: Sequence[RGBImage], a: int) -> NDArray[np.float64]:
        raw = self._bare.extract_raw(images, label="")
        return self.model.probabilities_of(*self.model.looks(raw))[:, a]
