"""All parts together: they speak of the prediction that `predict` gives, whatever form the image comes in."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.artifacts import load_model
from ai_models.core.errors import ImageError
from ai_models.core.images import read_image
from ai_models.core.settings import ExplainConfig, PreprocessConfig
from ai_models.evidence import load_evidence
from ai_models.explaining import Explainer
from ai_models.explaining.evidence import embedding_blocks, unit_vectors
from ai_models.explaining.saliency import upsampled

CONFIG = ExplainConfig(neighbours=3, steps=3, random_maps=2, workers=1)


@pytest.fixture(scope="module")
def explainer(model, evidence):
    return Explainer(model, evidence, CONFIG)


def test_it_explains_what_predict_says(explainer, model, held_out):
    for file in held_out:
        found, said = explainer.explain(file), model.predict_one(file)
        ranked = sorted(said.probabilities, key=lambda c: -said.probabilities[c])
        assert found.prediction == said
        assert found.against == ranked[1]
        margin = np.log(said.probabilities[ranked[0]] / said.probabilities[ranked[1]])
        assert found.members.total == pytest.approx(margin, abs=1e-6)
        assert found.blocks.total == pytest.approx(margin, abs=1e-6)


def test_a_file_its_bytes_and_its_pixels_are_one(explainer, held_out):
    from_file, from_bytes, from_pixels = (
        explainer.explain(item) for item in (held_out[0], held_out[0].read_bytes(), read_image(held_out[0]))
    )
    for other in (from_bytes, from_pixels):
        assert other.prediction == from_file.prediction
        np.testing.assert_array_equal(other.heat_map.maps["cnn"], from_file.heat_map.maps["cnn"])
        assert other.heat_map.score.heat_map.gain == from_file.heat_map.score.heat_map.gain


def test_the_curves_are_of_the_real_model(explainer, held_out):
    found = explainer.explain(held_out[1])
    curves = found.heat_map.score
    for one in (curves.heat_map, *curves.random, curves.centre):
        assert one.deletion[0] == pytest.approx(found.prediction.confidence, abs=1e-6)
        assert one.insertion[-1] == pytest.approx(found.prediction.confidence, abs=1e-6)


def test_pixels_are_preprocessed_once(explainer, held_out, model, evidence):
    """Under a preprocessing that is not idempotent, the untouched picture still has the probability of `predict`."""
    from copy import copy

    other = copy(model)
    other.extractor = copy(model.extractor)
    other.extractor.preprocess = PreprocessConfig(preset="artifact")
    found = Explainer(other, evidence, CONFIG).explain(held_out[0])
    assert found.prediction.probabilities != explainer.explain(held_out[0]).prediction.probabilities
    assert found.heat_map.score.heat_map.deletion[0] == pytest.approx(found.prediction.confidence, abs=1e-6)


def test_the_seed_changes_random_maps_and_nothing_else_of_the_map(model, evidence, held_out):
    one, other = (Explainer(model, evidence, CONFIG.replace(seed=seed)).explain(held_out[0]) for seed in (0, 1))
    assert one.heat_map.score.random_gain != other.heat_map.score.random_gain
    assert one.heat_map.score.heat_map.gain == other.heat_map.score.heat_map.gain


def test_what_cannot_be_read_is_said(explainer):
    with pytest.raises(ImageError):
        explainer.explain(b"no image")


def test_a_network_without_a_map_leaves_the_rest(explainer, held_out, monkeypatch):
    from ai_models.core.errors import AmuletError
    from ai_models.explaining import saliency

    def refused(*args):
        raise AmuletError("this network has no map")

    monkeypatch.setattr(saliency, "feature_maps", refused)
    found = explainer.explain(held_out[0])
    assert found.heat_map is None
    assert found.no_map == "this network has no map"
    assert found.nearest.neighbours
    assert found.blocks.parts


def test_two_networks_share_one_map_at_their_own_sizes(two_networks_model, held_out):
    model = load_model(two_networks_model)
    evidence = load_evidence(two_networks_model, model)
    found = Explainer(model, evidence, CONFIG).explain(held_out[0])
    voting = {block for member in model.ensemble.combination.members for block in member.blocks}
    assert embedding_blocks(model) == ("cnn", "cnn_wide")
    assert set(found.heat_map.maps) == voting
    sides = {"cnn": (8, 8), "cnn_wide": (12, 12)}
    assert {name: one.shape for name, one in found.heat_map.maps.items()} == {name: sides[name] for name in voting}
    assert upsampled(found.heat_map.maps, 96, 96).shape == (96, 96)
    X = model.extractor.extract_batch(held_out)
    cosines = [
        (X[:, s] @ X[:, s].T) / np.outer(*[np.linalg.norm(X[:, s], axis=1)] * 2)
        for s in model.extractor.block_slices.values()
    ]
    unit = unit_vectors(model, X, ("cnn", "cnn_wide"))
    np.testing.assert_allclose(unit @ unit.T, np.mean(cosines, axis=0), atol=1e-5)
