"""What is altered is refused, before anything of it is looked up: a seeded part of `benchmarks/bundle_attacks.py`."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ai_models.artifacts import load_model
from ai_models.artifacts.allowed_names import ALLOWED


def test_as_it_is_it_opens_and_that_is_heard(signed, looked_up) -> None:
    with looked_up() as heard:
        load_model(signed.folder, trust=signed.trust)
    assert any(event == "pickle.find_class" for event, _ in heard)


def test_flipped_bits_are_refused(signed, attacks) -> None:
    drawn, failures = attacks.flips(signed, 300, seed=1)
    assert failures == []
    assert set(drawn) == {path.name for path in signed.folder.iterdir()}
    load_model(signed.folder, trust=signed.trust)


def test_altered_structures_are_refused(signed, attacks) -> None:
    assert len(attacks.ATTACKS) >= 40
    assert attacks.structural(signed) == []


@pytest.mark.parametrize("signed", ["ed25519"], indirect=True)
def test_malicious_pickles_run_nothing_in_any_compression(signed, attacks, tmp_path) -> None:
    tried, failures = attacks.pickles(signed, tmp_path, every=4)
    assert tried >= 200
    assert failures == []


def test_the_pickles_are_malicious(attacks, tmp_path) -> None:
    """Read as any program reads a pickle, they run."""
    ran = 0
    found = attacks.malicious(tmp_path / "canary")
    for payload in (*found[:4], *found[5:7]):  # a shell, an evaluator; not Popen, which would have to be waited for
        try:
            pickle.loads(payload)
        except Exception:
            continue
        finally:
            ran += (tmp_path / "canary").exists()
            path: Path = tmp_path / "canary"
            if path.is_dir():
                path.rmdir()
            path.unlink(missing_ok=True)
    assert ran >= 5


def test_nothing_that_is_allowed_is_a_way_out() -> None:
    assert {name.split(".")[0] for name in ALLOWED} == {"ai_models", "builtins", "joblib", "numpy", "sklearn"}
    assert ALLOWED["builtins"] == {"slice": "called"}
    assert not any("." in name for names in ALLOWED.values() for name in names)
