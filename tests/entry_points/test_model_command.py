"""``amulet-ai model``: keys, signing, checking, trusting; and what other commands say of a model from elsewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("cryptography")


@pytest.fixture
def theirs(model_dir, tmp_path, monkeypatch) -> Path:
    """A model that came from elsewhere."""
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path / "notes"))
    return Path(shutil.copytree(model_dir, tmp_path / "theirs"))


def test_from_a_key_to_a_model_that_is_taken(call, theirs, photographs):
    file = next(photographs.rglob("*.png"))
    refused = call("predict", "--model-dir", theirs, file, "--output", "-")
    assert refused.exit_code == 2
    assert "was not trained here and is not signed" in refused.stderr
    assert call("predict", "--model-dir", theirs, file, "--output", "-", "--allow-unsigned").exit_code == 0

    made = call("model", "keygen", "--output", "key.pem", "--algorithm", "ecdsa")
    assert made.exit_code == 0, made.output
    assert call("model", "keygen", "--output", "key.pem").exit_code == 2
    assert call("model", "sign", theirs, "--key", "key.pem").exit_code == 2
    done = call("model", "sign", theirs, "--key", "key.pem", "--name", "พระ", "--model-version", 3, "--allow-unsigned")
    assert "พระ, version 3" in done.stdout

    assert "is signed by key" in call("model", "verify", theirs).stderr
    checked = call("model", "verify", theirs, "--trusted-key", "key.pub.pem")
    assert (checked.exit_code, "signed as 'พระ', version 3" in checked.stdout) == (0, True)
    assert call("model", "verify", theirs, "--trusted-key", "key.pub.pem", "--minimum-version", 4).exit_code == 2
    assert call("model", "trust", "key.pub.pem").exit_code == 0
    assert call("predict", "--model-dir", theirs, file, "--output", "-").exit_code == 0
    (theirs / "metrics.json").write_text("{}")
    assert "SHA-256 differs" in call("model", "verify", theirs).stderr


def test_a_directory_may_be_trusted_as_it_is(call, theirs):
    assert call("model", "verify", theirs).exit_code == 2
    assert call("model", "trust", theirs, "--class", "my_module:Mine").exit_code == 0
    assert "trained or trusted by this user" in call("model", "verify", theirs).stdout
    assert "goes with a model directory" in call("model", "trust", "key.pub.pem", "--class", "a:B").stderr
    assert call("model", "trust", "nothing.pem").exit_code == 2


@pytest.mark.parametrize("by_prompt", [True, False])
def test_a_passphrase_is_asked_for_or_taken_from_the_environment(call, theirs, monkeypatch, by_prompt):
    if not by_prompt:
        monkeypatch.setenv("AMULET_AI_KEY_PASSPHRASE", "secret")
    monkeypatch.setattr("click.prompt", lambda *_, **__: "secret")
    asked = ["--passphrase"] if by_prompt else []
    assert call("model", "keygen", "--output", "key.pem", *asked).exit_code == 0
    assert b"ENCRYPTED" in Path("key.pem").read_bytes()
    assert call("model", "sign", theirs, "--key", "key.pem", "--allow-unsigned", *asked).exit_code == 0
    monkeypatch.delenv("AMULET_AI_KEY_PASSPHRASE", raising=False)
    failed = call("model", "sign", theirs, "--key", "key.pem", "--allow-unsigned")
    assert (failed.exit_code, "AMULET_AI_KEY_PASSPHRASE" in failed.stderr) == (2, True)


def test_pictures_are_kept_and_removed(call, tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "m")
    assert call("model", "pictures", model, "--side", "300").exit_code == 0
    large = (model / "pictures.npz").stat().st_size
    done = call("model", "pictures", model)
    assert done.exit_code == 0, done.output
    assert re.match(r"kept      (\d+) of \1 training photographs \(\d+\.\d MB\)\n", done.stdout)
    assert (model / "pictures.npz").stat().st_size <= large
    assert call("model", "verify", model).exit_code == 0
    assert call("model", "pictures", model, "--remove").stdout.startswith("removed   the pictures of")
    assert not (model / "pictures.npz").exists()
    again = call("model", "pictures", model, "--remove")
    assert (again.exit_code, "holds no pictures" in again.stderr) == (2, True)
