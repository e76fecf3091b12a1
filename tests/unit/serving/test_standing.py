"""Which models the service opens: what its settings and the user who starts it trust, and no other."""

from __future__ import annotations

import pytest

from ai_models.core.errors import UntrustedError
from ai_models.serving.settings import ServiceSettings
from ai_models.serving.workers.model import Model


def test_the_settings_say_which_models_are_opened(tiny_model, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path))  # this user trusts nothing

    def opened(**given: object) -> str:
        settings = ServiceSettings(**given)
        trust = (settings.trusted_key, settings.minimum_version, settings.allow_unsigned)
        return str(Model.load(model_dir=str(tiny_model), max_pixels=10**6, trust=trust).about()["standing"])

    with pytest.raises(UntrustedError, match="AMULET_AI_ALLOW_UNSIGNED=1 for the service"):
        opened()
    assert opened(allow_unsigned=True) == "unsigned"
    with pytest.raises(UntrustedError, match="at least 2"):
        opened(allow_unsigned=True, minimum_version=2)


def test_a_key_among_the_settings_counts(tiny_model, tmp_path, monkeypatch) -> None:
    pytest.importorskip("cryptography")
    import shutil

    from ai_models.artifacts.keys import make_key
    from ai_models.artifacts.signing import sign_bundle

    signed = shutil.copytree(tiny_model, tmp_path / "signed")
    key, public = make_key("ed25519", tmp_path / "key.pem")
    sign_bundle(signed, key)
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path / "notes"))
    model = Model.load(model_dir=str(signed), max_pixels=10**6, trust=(str(public), 0, False))
    assert model.about()["standing"] == "signed"
