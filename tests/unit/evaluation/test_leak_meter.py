"""The leak meter on the small model, and its sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ai_models.artifacts import load_model
from ai_models.core.errors import DataError
from ai_models.core.records import Manifest
from ai_models.core.settings import EvaluationConfig, FeatureConfig
from ai_models.evaluation import evaluate_model
from ai_models.evaluation.leak_meter import leak_figures, leak_sentence
from ai_models.evaluation.plain_features import plain_features
from ai_models.evaluation.rows import model_photographs

QUICK = EvaluationConfig(bootstrap_draws=100, quick=True, leak_meter=True)


@pytest.fixture(scope="module")
def model(model_dir):
    return load_model(model_dir)


def test_every_side_is_measured_and_no_copy_of_the_manifest(model, model_dir, manifest):
    rows = model_photographs(model_dir)
    found = leak_figures(model, rows, QUICK)
    assert found["images"] == len(manifest)  # training and held-out photographs, and not the copy beside them
    assert found["groups"] == len(set(manifest.groups.tolist()))
    assert found["copies"] == 2 * len(manifest)
    assert found["blocks"] == ["colour"]
    for name in ("naive", "augmented", "grouped", "naive_gap", "augmented_gap"):
        assert found[name]["low"] <= found[name]["estimate"] <= found[name]["high"]
        assert found[name]["low"] < found[name]["high"]
    gap = found["naive"]["estimate"] - found["grouped"]["estimate"]
    assert found["naive_gap"]["estimate"] == pytest.approx(gap)


def test_twins_under_other_labels_show_in_the_gap(model, coloured, tmp_path):
    """Objects photographed three times, classes drawn by lot: only a leak can tell them."""
    from ai_models.core.records import ImageRecord, Split

    records = []
    for i in range(24):
        tone = tuple(np.random.default_rng(i).integers(40, 216, 3).tolist())
        for shot in range(3):
            coloured(tmp_path / f"{i}-{shot}.png", tone, 1000 * i + shot, 1)
            records.append(ImageRecord(f"{i}-{shot}.png", "ab"[i % 2], group=f"o{i}", split=Split.TRAIN, fold=0))
    found = leak_figures(model, Manifest(tmp_path, tuple(records)), QUICK)
    assert found["naive"]["estimate"] > 0.85
    assert found["naive_gap"]["low"] > 0.1
    assert "is knowledge of the 24 objects themselves" in leak_sentence(found)


def test_report_line_and_metrics_carry_it_only_when_asked(model_dir, tmp_path):
    from ai_models.cli.headline import headline

    asked = evaluate_model(model_dir, tmp_path / "asked", QUICK)
    metrics = json.loads((asked.parent / "metrics.json").read_text("utf-8"))
    assert "objects kept whole" in asked.read_text("utf-8")
    line = next(line for line in headline(metrics) if "objects whole" in line)
    assert f"{metrics['leak_meter']['grouped']['estimate']:.3f}" in line
    plain = evaluate_model(model_dir, tmp_path / "plain", QUICK.replace(leak_meter=False))
    metrics = json.loads((plain.parent / "metrics.json").read_text("utf-8"))
    assert "leak_meter" not in metrics
    assert "add --leak-meter" in plain.read_text("utf-8")
    assert not [line for line in headline(metrics) if "objects whole" in line]


def test_photographs_that_are_gone_are_one_sentence(model, model_dir, tmp_path):
    rows = replace(model_photographs(model_dir), root=tmp_path)
    with pytest.raises(DataError, match="0 of 42 can be read"):
        leak_figures(model, rows, QUICK)


def test_plain_features_are_the_models_own_scaled_to_length_one(model, photographs, tmp_path):
    files = sorted((photographs / "blue").iterdir())[:3]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    found = plain_features(model, [files[0], tmp_path / "broken.png", files[1]])
    whole = model.extractor.transform(files[:2])
    np.testing.assert_allclose(found.X, whole[:, model.extractor.block_slices["colour"]] / np.linalg.norm(
        whole[:, model.extractor.block_slices["colour"]], axis=1, keepdims=True), rtol=1e-5)  # fmt: skip
    assert found.readable.tolist() == [0, 2]
    assert model.extractor.config.use_orb_features is False


def test_codebooks_that_saw_the_photographs_are_refused(model, photographs):
    import copy

    learned = copy.copy(model)
    learned.extractor = copy.copy(model.extractor)
    learned.extractor.config = FeatureConfig(
        use_cnn_features=False, use_hog_features=False, use_lbp_features=False, use_colour_features=False,
        cache_features=False,
    )  # fmt: skip
    with pytest.raises(DataError, match="codebook was fitted"):
        plain_features(learned, sorted((photographs / "blue").iterdir())[:1])


def test_the_embedding_alone_is_compared_where_there_is_one():
    from ai_models.evaluation.plain_features import _without_codebooks

    config = _without_codebooks(FeatureConfig(use_orb_features=True, custom_blocks=("mine",)))
    on = [name for name, value in config.to_dict().items() if name.startswith("use_") and value]
    assert on == ["use_cnn_features"]
    assert config.custom_blocks == ()


def figure(estimate: float, half: float = 0.05) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - half, "high": estimate + half}


def test_the_sentence_says_what_it_means():
    found = {
        "images": 40,
        "groups": 40,
        "naive": figure(0.8),
        "grouped": figure(0.79),
        "naive_gap": figure(0.01),
        "augmented": figure(0.95),
        "augmented_gap": figure(0.04),
    }
    assert "an object of its own" in leak_sentence(found)
    assert "cannot be told from none" in leak_sentence(found | {"groups": 30})
    assert "Copies" not in leak_sentence(found)
    copied = leak_sentence(found | {"augmented_gap": figure(0.16)})
    assert "Copies made before the split would have promised 0.950 [0.900, 1.000], too much by 0.160" in copied
    assert "0.300 [0.250, 0.350] of that promise" in leak_sentence(found | {"groups": 10, "naive_gap": figure(0.3)})
