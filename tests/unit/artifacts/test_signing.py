"""A signature says who vouches for exactly these files, in one spelling."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys

import pytest

from ai_models.artifacts import Trust, load_model, open_model, read_bundle, save_bundle
from ai_models.artifacts.keys import PublicKey, make_key, read_private_key, read_public_key
from ai_models.artifacts.signature import read_signature
from ai_models.artifacts.signing import sign_bundle
from ai_models.artifacts.trust_store import TrustStore
from ai_models.core.errors import BundleError, MissingExtraError, OutputError, UntrustedError

pytest.importorskip("cryptography")


def test_a_signed_model_opens_by_its_signature_alone(signed) -> None:
    standing = open_model(signed.folder, trust=signed.trust).standing
    assert (standing.kind, standing.key_id, standing.name, standing.version) == (
        "signed", signed.key.public.key_id, "target", 1,
    )  # fmt: skip
    assert "signed as 'target', version 1" in str(standing)
    with pytest.raises(UntrustedError, match=r"is signed by key .*, which is not trusted here"):
        load_model(signed.folder, trust=Trust(store=signed.trust.store))
    moved = shutil.move(signed.folder, signed.folder.parent / "elsewhere")
    assert open_model(moved, trust=signed.trust).standing.name == "target"


def test_the_layout_is_that_of_openssf_model_signing(signed) -> None:
    made = json.loads((signed.folder / "model.sig").read_bytes())
    assert made["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert made["verificationMaterial"]["publicKey"]["hint"] == signed.key.public.key_id
    assert made["dsseEnvelope"]["payloadType"] == "application/vnd.in-toto+json"
    said = json.loads(base64.b64decode(made["dsseEnvelope"]["payload"]))
    assert said["predicateType"] == "https://model_signing/signature/v1.0"
    files = {row["name"] for row in said["predicate"]["resources"]}
    assert files == {path.name for path in signed.folder.iterdir()} - {"model.sig"}


@pytest.mark.parametrize("signed", ["ecdsa"], indirect=True)
def test_the_public_program_takes_it(signed, tmp_path) -> None:
    program = os.environ.get("MODEL_SIGNING", shutil.which("model_signing") or "")
    if not program:
        pytest.skip("model_signing is not installed here: name it in MODEL_SIGNING")
    (tmp_path / "key.pub").write_bytes(signed.key.public.pem)
    call = [program, "verify", "key", signed.folder, "--public_key", tmp_path / "key.pub"]
    call += ["--signature", signed.folder / "model.sig"]
    assert subprocess.run(call, capture_output=True, check=False).returncode == 0
    (signed.folder / "report").mkdir()
    (signed.folder / "report" / "report.html").write_bytes(b"beside the model")
    assert subprocess.run(call, capture_output=True, check=False).returncode == 0
    (signed.folder / "manifest.csv").write_bytes(b"x")
    assert subprocess.run(call, capture_output=True, check=False).returncode != 0


def test_what_stages_keep_beside_a_model_needs_no_signature(signed) -> None:
    for name in ("report", "inspection", "data", ".unfinished"):
        (signed.folder / name).mkdir()
        (signed.folder / name / "file").write_bytes(b"x")
    assert open_model(signed.folder, trust=signed.trust).standing.kind == "signed"


def test_versions_only_go_up(signed, tmp_path) -> None:
    signer = Trust(allow_unsigned=True, store=TrustStore(tmp_path / "signer"))
    older = shutil.copytree(signed.folder, tmp_path / "older" / "target")
    assert sign_bundle(signed.folder, signed.key, name="target", trust=signer).version == 1  # the same again
    (signed.folder / "MODEL_CARD.md").write_bytes(b"another model")
    model = load_model(older, trust=signed.trust)
    save_bundle(model, signed.folder, {"manifest.csv": b"another"})
    assert not (signed.folder / "model.sig").exists()
    (signed.folder / "MODEL_CARD.md").unlink()
    for name in set(os.listdir(signed.folder)) - {*read_bundle(signed.folder)["files"], "bundle.json"}:
        (signed.folder / name).unlink()
    assert sign_bundle(signed.folder, signed.key, name="target", trust=signer).version == 2
    assert read_bundle(signed.folder)["model_version"] == 2
    with pytest.raises(BundleError, match="version 2 of 'target' was signed before"):
        sign_bundle(older, signed.key, name="target", version=2, trust=signer)
    assert open_model(older, trust=signed.trust).standing.version == 1
    assert open_model(signed.folder, trust=signed.trust).standing.version == 2
    with pytest.raises(UntrustedError, match="is version 1 of 'target', but 2 was opened here before"):
        load_model(older, trust=signed.trust)
    with pytest.raises(BundleError, match="give a higher --model-version"):
        sign_bundle(older, signed.key, name="target", version=1, trust=signed.trust)
    assert sign_bundle(older, signed.key, name="target", trust=signed.trust).version == 3  # back to it, on purpose
    assert open_model(older, trust=signed.trust).standing.version == 3


def test_a_model_of_nobody_is_not_signed_by_mistake(signed, tmp_path) -> None:
    (signed.folder / "model.sig").unlink()
    with pytest.raises(UntrustedError, match="was not trained here"):
        sign_bundle(signed.folder, signed.key, trust=signed.trust)
    (signed.folder / "extra").write_bytes(b"x")
    with pytest.raises(BundleError, match="extra' is not part of what was signed"):
        sign_bundle(signed.folder, signed.key, trust=Trust(allow_unsigned=True, store=signed.trust.store))
    (signed.folder / "extra").unlink()
    with pytest.raises(BundleError, match="give another --name"):
        sign_bundle(signed.folder, signed.key, name="a\nb", trust=Trust(allow_unsigned=True, store=signed.trust.store))


def test_a_model_trained_here_stays_so_when_it_is_signed(tiny_model, tmp_path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "mine")
    key, _ = make_key("ed25519", tmp_path / "key.pem")
    assert sign_bundle(folder, key, version=5).version == 5
    assert open_model(folder).standing == open_model(folder, trust=Trust()).standing
    assert open_model(folder).standing.kind == "local"
    assert open_model(folder, trust=Trust((key.public,))).standing.kind == "signed"


def test_keys_are_their_owners_alone(tmp_path) -> None:
    key, public = make_key("ecdsa", tmp_path / "key.pem", "กุญแจ")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in (tmp_path / "key.pem").read_bytes()
    assert read_private_key(tmp_path / "key.pem", "กุญแจ").public == key.public == read_public_key(public)
    assert PublicKey.of_pem(public.read_bytes()).pem == public.read_bytes()  # as the library writes it
    for passphrase in ("", "wrong"):
        with pytest.raises(BundleError, match="cannot be opened as a private key"):
            read_private_key(tmp_path / "key.pem", passphrase)
    with pytest.raises(OutputError, match="never replaced"):
        make_key("ed25519", tmp_path / "key.pem")
    with pytest.raises(BundleError, match="not a public key"):
        read_public_key(tmp_path / "key.pem")


def test_other_kinds_of_keys_are_refused(tmp_path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    for number, key in enumerate((ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048))):
        file = tmp_path / f"{number}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        with pytest.raises(BundleError, match="neither an Ed25519 key"):
            read_private_key(file)
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        with pytest.raises(BundleError, match="neither Ed25519 nor"):
            PublicKey(public).verifies(b"x" * 64, b"message")


def test_ecdsa_signatures_have_the_lower_s(tmp_path) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    from ai_models.artifacts.keys import _ORDER

    key, _ = make_key("ecdsa", tmp_path / "key.pem")
    for number in range(20):
        value = key.sign(b"%d" % number)
        r, s = decode_dss_signature(value)
        assert s <= _ORDER // 2
        assert key.public.verifies(value, b"%d" % number)
        assert not key.public.verifies(encode_dss_signature(r, _ORDER - s), b"%d" % number)
        assert not key.public.verifies(value, b"another")


def test_a_signature_that_is_none_is_told(tmp_path) -> None:
    for data in (b"", b"{}", b"[]", b'{"dsseEnvelope":{}}', b"\xff"):
        with pytest.raises(BundleError, match="not a signature as this product writes it"):
            read_signature(data, tmp_path)


def test_without_the_library_a_signed_model_says_what_to_install(signed, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'amulet-ai\[sign\]'"):
        load_model(signed.folder, trust=signed.trust)
