"""Who vouches for a model is the user's to say, never the model's."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import threading
from pathlib import Path

import pytest

from ai_models.artifacts import Trust, check_bundle, load_model, open_model, save_bundle
from ai_models.artifacts.canonical import canonical
from ai_models.artifacts.signing import trust_bundle, trust_key
from ai_models.artifacts.trust_store import TrustStore
from ai_models.core.errors import BundleError, ConfigError, OutputError, UntrustedError
from ai_models.predictor import Predictor

KEY = Path(__file__).parents[2] / "golden" / "key.pub.pem"


@pytest.fixture
def stranger(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model from elsewhere: this user's notes are empty."""
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path / "notes"))
    return Path(shutil.copytree(tiny_model, tmp_path / "stranger"))


def test_a_model_trained_here_opens_wherever_it_is_moved(tiny_model: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(tiny_model, tmp_path / "moved")
    assert open_model(moved).standing.kind == "local"
    assert Predictor.load(moved).standing.kind == "local"


def test_a_model_from_elsewhere_is_refused_and_the_sentence_says_how(stranger: Path, looked_up) -> None:
    with looked_up() as heard, pytest.raises(UntrustedError, match=r"model trust DIRECTORY.*--allow-unsigned"):
        load_model(stranger)
    assert not heard
    assert open_model(stranger, allow_unsigned=True).standing.kind == "unsigned"
    assert open_model(stranger, trust=Trust(allow_unsigned=True)).standing.kind == "unsigned"


def test_the_environment_may_allow_it(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMULET_AI_ALLOW_UNSIGNED", "1")
    assert open_model(stranger).standing.kind == "unsigned"
    monkeypatch.setenv("AMULET_AI_MINIMUM_VERSION", "2")
    with pytest.raises(UntrustedError, match="version 1, but at least 2"):
        load_model(stranger)
    monkeypatch.setenv("AMULET_AI_MINIMUM_VERSION", "new")
    with pytest.raises(ConfigError, match="must be a whole number, got 'new'"):
        load_model(stranger)


def test_trusted_once_it_opens_until_it_changes(stranger: Path) -> None:
    trust_bundle(stranger)
    assert open_model(stranger).standing.kind == "local"
    (stranger / "manifest.csv").write_bytes(b"x")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        trust_bundle(stranger)


def test_nothing_inside_a_model_vouches_for_it(stranger: Path, tiny_model: Path) -> None:
    """Notes that lie in the model's own folder are not this user's."""
    digest = hashlib.sha256((stranger / "bundle.json").read_bytes()).hexdigest()
    (stranger / "models.jsonl").write_bytes(canonical({"bundle": digest, "names": [], "place": str(stranger)}) + b"\n")
    with pytest.raises(UntrustedError):
        load_model(stranger)


def test_notes_that_others_can_change_are_not_believed(stranger: Path, tmp_path: Path) -> None:
    trust_bundle(stranger)
    for place, mode in ((tmp_path / "notes", 0o777), (tmp_path / "notes" / "models.jsonl", 0o666)):
        before = place.stat().st_mode
        place.chmod(mode)
        with pytest.raises(UntrustedError, match="others can change it"):
            load_model(stranger)
        place.chmod(before)
    assert (tmp_path / "notes" / "models.jsonl").stat().st_mode & 0o777 == 0o600
    load_model(stranger)


def test_lines_that_were_cut_off_spoil_no_other(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "notes")
    store.remember("a" * 64, tmp_path)
    with (tmp_path / "notes" / "models.jsonl").open("ab") as stream:
        stream.write(b'{"bundle":"' + b"b" * 30)
    store.remember("c" * 64, tmp_path, ("module:Name",))
    assert store.known("a" * 64) is not None
    assert store.known("b" * 64) is None
    assert store.known("c" * 64).names == ("module:Name",)


def test_many_trainings_at_once_are_all_noted(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "notes")
    digests = [hashlib.sha256(bytes([n])).hexdigest() for n in range(64)]
    at_once = [threading.Thread(target=store.remember, args=(digest, tmp_path)) for digest in digests]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    assert all(store.known(digest) for digest in digests)


@pytest.mark.skipif(os.name == "nt", reason="a file in the way is what stops it")
def test_a_home_that_cannot_be_written_costs_a_warning(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = load_model(tiny_model)
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path / "file" / "notes"))
    monkeypatch.setattr(logging.getLogger("ai_models"), "propagate", True)
    folder = save_bundle(model, tmp_path / "model", {})
    assert "will not be known as trained here" in caplog.text
    with pytest.raises(UntrustedError):
        load_model(folder)
    with pytest.raises(OutputError, match="set AMULET_AI_TRUST_DIR"):
        trust_bundle(folder)


def test_a_key_is_kept_among_the_notes(stranger: Path, tmp_path: Path) -> None:
    key, place = trust_key(KEY)
    assert place.is_relative_to(tmp_path / "notes" / "keys")
    assert Trust.from_environment().keys == (key,)
    assert Trust.from_environment({}, trusted_keys=[KEY, KEY]).keys.count(key) == 1
    (tmp_path / "no.pem").write_text("-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----\n")
    for bad in (tmp_path / "no.pem", tmp_path / "nothing.pem"):
        with pytest.raises(BundleError, match=r"not a public key|cannot be read"):
            trust_key(bad)


def test_the_least_version_may_stand_among_the_notes(stranger: Path, tmp_path: Path) -> None:
    trust_bundle(stranger)
    (tmp_path / "notes" / "minimum-version").write_text("7\n")
    with pytest.raises(UntrustedError, match="at least 7"):
        check_bundle(stranger)
    (tmp_path / "notes" / "minimum-version").write_text("seven\n")
    with pytest.raises(UntrustedError, match="whole number"):
        check_bundle(stranger)


@pytest.mark.slow
def test_where_nothing_can_be_noted_a_whole_run_still_ends(
    split_textures, classical_features, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    """The model was made by this very run, so it is judged; later commands ask."""
    from ai_models.core.settings import EvaluationConfig, TrainingConfig
    from ai_models.pipeline import run

    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path / "file" / "notes"))
    done = run(
        split_textures.root, tmp_path / "model", features=classical_features,
        training=TrainingConfig(quick_mode=True, workers=1), evaluation=EvaluationConfig(quick=True, workers=1),
    )  # fmt: skip
    assert done.report.is_file()
    with pytest.raises(UntrustedError):
        load_model(done.model_dir)
