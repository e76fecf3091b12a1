"""What was worked out before a stop is found, nothing of it is done again, and the result is the unbroken run's."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ai_models.core.predictions import Predictions
from ai_models.core.settings import FeatureConfig, TrainingConfig
from ai_models.crossfit import fitting, scoring
from ai_models.crossfit.candidates import candidate_specs
from ai_models.crossfit.checkpoints import NO_CHECKPOINTS, Checkpoints
from ai_models.crossfit.fitting import nested_predictions
from ai_models.crossfit.kept_predictions import arrays_of, predictions_from
from ai_models.crossfit.rows import FittingRows
from ai_models.crossfit.scoring import cross_fit
from ai_models.ensemble.members import MemberSpec, build
from ai_models.features import HybridFeatureExtractor, RawFeatures

EXTRACTOR = HybridFeatureExtractor(
    FeatureConfig(use_cnn_features=False, use_hog_features=False, use_sift_features=False)
)
SPECS = candidate_specs(("lbp", "colour"), quick=True)
Fitted = list[tuple[str, int]]


class _KilledError(Exception):
    """Stands for the end of the process."""


def _rows(seed: int = 0) -> tuple[RawFeatures, FittingRows]:
    """Thirty-six photographs of eighteen objects in three folds, two classes, and a copy of each."""
    rng = np.random.default_rng(seed)
    y = np.arange(36) // 2 % 2
    widths = {name: where.stop - where.start for name, where in EXTRACTOR.block_slices.items()}
    blocks = {n: np.abs(rng.normal(size=(72, w)) + np.r_[y, y][:, None]).astype(np.float32) for n, w in widths.items()}
    rows = FittingRows(
        y=np.r_[y, y],
        groups=np.array([f"g{i // 2}" for i in range(36)] * 2),
        folds=np.tile(np.arange(36) // 12, 2),
        parents=np.r_[np.full(36, -1), np.arange(36)],
        classes=("a", "b"),
    )
    return RawFeatures(blocks, {}), rows


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> Fitted:
    """Every member that cross-fitting fits, with the number of rows that it is fitted on."""
    seen: Fitted = []

    def counted(spec: MemberSpec, seed: int) -> Any:
        model = build(spec, seed)
        fit = model.fit

        def noted(X: np.ndarray, y: np.ndarray) -> Any:
            seen.append((spec.name, len(y)))
            return fit(X, y)

        model.fit = noted
        return model

    monkeypatch.setattr(scoring, "build", counted)
    return seen


def _dies_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the process end when it is about to fit for the n-th time."""
    through, left = scoring.build, [number]

    def deadly(spec: MemberSpec, seed: int) -> Any:
        left[0] -= 1
        if not left[0]:
            raise _KilledError
        return through(spec, seed)

    monkeypatch.setattr(scoring, "build", deadly)


def _fit(checkpoints: Checkpoints, raw: RawFeatures, rows: FittingRows, **other: Any) -> dict[MemberSpec, np.ndarray]:
    settings = {"max_components": 8, "seed": 0, "workers": 1, "use_copies": True} | other
    return cross_fit(EXTRACTOR, raw, rows, SPECS, checkpoints=checkpoints, **settings).logits


@pytest.mark.parametrize("moment", [1, 2, len(SPECS) + 1, 3 * len(SPECS)])
def test_a_stopped_cross_fit_goes_on_where_it_stood(
    moment: int, fitted: Fitted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw, rows = _rows()
    unbroken = _fit(NO_CHECKPOINTS, raw, rows)
    assert len(fitted) == 3 * len(SPECS)
    fitted.clear()
    with monkeypatch.context() as patch:
        _dies_at(patch, moment)
        with pytest.raises(_KilledError):
            _fit(Checkpoints(tmp_path), raw, rows)
    assert len(fitted) == moment - 1
    resumed = _fit(Checkpoints(tmp_path), raw, rows)
    assert len(fitted) == 3 * len(SPECS), "what was there was fitted again"
    assert set(Counter(name for name, _ in fitted).values()) == {3}
    for spec in SPECS:
        np.testing.assert_array_equal(resumed[spec], unbroken[spec])


def test_what_workers_on_another_machine_say_is_kept_here(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw, rows = _rows()
    score_fold = scoring._score_fold

    def elsewhere(task: Any) -> Any:
        return score_fold(replace(task, checkpoints=Checkpoints(tmp_path / "not there")))

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "_score_fold", elsewhere)
        first = _fit(Checkpoints(tmp_path), raw, rows)
    fitted.clear()
    again = _fit(Checkpoints(tmp_path), raw, rows)
    assert not fitted
    for spec in SPECS:
        np.testing.assert_array_equal(again[spec], first[spec])


def test_a_damaged_checkpoint_is_made_again(fitted: Fitted, tmp_path: Path) -> None:
    raw, rows = _rows()
    unbroken = _fit(Checkpoints(tmp_path), raw, rows)
    fitted.clear()
    file = sorted(tmp_path.iterdir())[3]
    file.write_bytes(file.read_bytes()[:-1])
    again = _fit(Checkpoints(tmp_path), raw, rows)
    assert len(fitted) == 1
    for spec in SPECS:
        np.testing.assert_array_equal(again[spec], unbroken[spec])


def test_the_second_look_is_kept_too(fitted: Fitted, tmp_path: Path) -> None:
    raw, rows = _rows()
    raw.closer = RawFeatures(_rows(1)[0].blocks, {})
    settings: dict[str, Any] = {"max_components": 8, "seed": 0, "workers": 1}
    found = [cross_fit(EXTRACTOR, raw, rows, SPECS, checkpoints=Checkpoints(tmp_path), **settings) for _ in range(2)]
    assert len(fitted) == 3 * len(SPECS)
    for spec in SPECS:
        assert found[0].closer is not None
        assert found[1].closer is not None
        np.testing.assert_array_equal(found[0].closer[spec], found[1].closer[spec])
        assert (found[1].closer[spec] != found[1].logits[spec]).any()


def _other_second_look(raw: RawFeatures, rows: FittingRows) -> tuple[RawFeatures, FittingRows, dict[str, Any]]:
    raw.closer = RawFeatures(_rows(1)[0].blocks, {})
    return raw, rows, {}


def _other_feature(raw: RawFeatures, rows: FittingRows) -> tuple[RawFeatures, FittingRows, dict[str, Any]]:
    raw.blocks["lbp"][5, 7] += 1e-3
    return raw, rows, {}


def _other_label(raw: RawFeatures, rows: FittingRows) -> tuple[RawFeatures, FittingRows, dict[str, Any]]:
    rows.y[[0, 36]] = 1 - rows.y[0]
    return raw, rows, {}


def _other_folds(raw: RawFeatures, rows: FittingRows) -> tuple[RawFeatures, FittingRows, dict[str, Any]]:
    return raw, rows.refolded((np.arange(36) // 2) % 3), {}


def _unreadable(raw: RawFeatures, rows: FittingRows) -> tuple[RawFeatures, FittingRows, dict[str, Any]]:
    return RawFeatures(raw.blocks, {3: "cut off"}), rows, {}


@pytest.mark.parametrize(
    "change",
    [
        _other_feature,
        _other_label,
        _other_folds,
        _unreadable,
        _other_second_look,
        lambda raw, rows: (raw, rows, {"seed": 1}),
        lambda raw, rows: (raw, rows, {"max_components": 6}),
        lambda raw, rows: (raw, rows, {"use_copies": False}),
    ],
    ids=["feature", "label", "folds", "unreadable", "second look", "seed", "components", "copies"],
)
def test_what_depends_on_other_input_is_not_taken(change: Any, fitted: Fitted, tmp_path: Path) -> None:
    _fit(Checkpoints(tmp_path), *_rows())
    fitted.clear()
    raw, rows, settings = change(*_rows())
    found = _fit(Checkpoints(tmp_path), raw, rows, **settings)
    assert len(fitted) == 3 * len(SPECS)
    afresh = _fit(NO_CHECKPOINTS, raw, rows, **settings)
    for spec in SPECS:
        np.testing.assert_array_equal(found[spec], afresh[spec])


def test_code_of_the_users_own_is_always_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    raw, rows = _rows()
    own = MemberSpec(f"{__name__}:own_member", ("lbp",))
    calls: list[int] = []

    def counted(spec: MemberSpec, seed: int) -> Any:
        calls.append(seed)
        return build(MemberSpec("prototype", spec.blocks), seed)

    monkeypatch.setattr(scoring, "build", counted)
    for _ in range(2):
        cross_fit(
            EXTRACTOR, raw, rows, [own], max_components=8, seed=0, workers=1, checkpoints=Checkpoints(tmp_path)
        )  # fmt: skip
    assert len(calls) == 6


def test_whole_pipelines_go_on_after_the_outer_folds_that_are_done(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw, rows = _rows()
    config = TrainingConfig(quick_mode=True, workers=1)
    unbroken = nested_predictions(EXTRACTOR, raw, rows, config)
    total = len(fitted)
    decided: list[int] = []
    decide = fitting.decide

    def noted(*given: Any, **named: Any) -> Any:
        decided.append(1)
        return decide(*given, **named)

    monkeypatch.setattr(fitting, "decide", noted)
    fitted.clear()
    with monkeypatch.context() as patch:
        _dies_at(patch, total // 2)
        with pytest.raises(_KilledError):
            nested_predictions(EXTRACTOR, raw, rows, config, checkpoints=Checkpoints(tmp_path))
    assert len(decided) == 2
    resumed = nested_predictions(EXTRACTOR, raw, rows, config, checkpoints=Checkpoints(tmp_path))
    assert len(decided) == 2 + 2, "the first outer fold was decided again"
    assert len(fitted) == total
    for name, values in arrays_of(unbroken).items():
        np.testing.assert_array_equal(arrays_of(resumed)[name], values)
    nested_predictions(EXTRACTOR, raw, rows, config.replace(coverage=0.8), checkpoints=Checkpoints(tmp_path))
    assert len(decided) == 4 + 3, "predictions under other settings were taken"


def test_predictions_come_back_as_they_were() -> None:
    raw, rows = _rows()
    found = nested_predictions(EXTRACTOR, raw, rows, TrainingConfig(quick_mode=True, workers=1))
    for predictions in (found, Predictions.unreadable(found.classes, ["cut off", "ไม่ใช่ภาพ"])):
        again = predictions_from(predictions.classes, arrays_of(predictions))
        paths = [str(i) for i in range(len(predictions))]
        assert again.to_csv(paths) == predictions.to_csv(paths)
        assert (again.verdicts, again.reasons, again.details) == (
            predictions.verdicts,
            predictions.reasons,
            predictions.details,
        )
