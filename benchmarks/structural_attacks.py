"""Ways to alter a signed model directory so that it would still be opened, if something were not checked."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_models.artifacts.canonical import canonical
from ai_models.artifacts.keys import _ORDER, PrivateKey, PublicKey
from ai_models.artifacts.signature import sign
from ai_models.artifacts.trust import Trust
from ai_models.artifacts.trust_store import TrustStore

__all__ = ["ATTACKS", "Target"]

Attack = Callable[["Target"], Trust | None]
ATTACKS: dict[str, Attack] = {}


@dataclass(frozen=True)
class Target:
    """A signed model directory that may be altered.

    Attributes
    ----------
    folder
        A copy for one attack.
    key
        Who signed it.
    trust
        By which it opens as it is.
    """

    folder: Path
    key: PrivateKey
    trust: Trust

    @property
    def bundle(self) -> dict[str, Any]:
        """Content of ``bundle.json``."""
        return dict(json.loads((self.folder / "bundle.json").read_bytes()))

    @property
    def signature(self) -> dict[str, Any]:
        """Content of ``model.sig``."""
        return dict(json.loads((self.folder / "model.sig").read_bytes()))

    def write(self, name: str, data: bytes | dict[str, Any]) -> None:
        """Replace a file."""
        (self.folder / name).write_bytes(data if isinstance(data, bytes) else canonical(data))

    def change(self, **fields: Any) -> None:
        """Write ``bundle.json`` with other fields, spelled rightly."""
        self.write("bundle.json", {**self.bundle, **fields})

    def listed(self, name: str, **entry: Any) -> None:
        """List one more file, or change an entry."""
        files = self.bundle["files"]
        self.change(files={**files, name: {**files.get(name, files["manifest.csv"]), **entry}})

    def payload(self, change: Callable[[dict[str, Any]], object], encode: Callable[[Any], bytes] = canonical) -> None:
        """Change what the signature says, and keep the signature."""
        made = self.signature
        said = json.loads(base64.b64decode(made["dsseEnvelope"]["payload"]))
        change(said)
        made["dsseEnvelope"]["payload"] = base64.b64encode(encode(said)).decode()
        self.write("model.sig", made)

    def value(self, change: Callable[[bytes], bytes]) -> None:
        """Change the bytes of the signature itself."""
        made = self.signature
        entry = made["dsseEnvelope"]["signatures"][0]
        entry["sig"] = base64.b64encode(change(base64.b64decode(entry["sig"]))).decode()
        self.write("model.sig", made)

    def replaced(self, old: bytes, new: bytes, name: str = "bundle.json") -> None:
        """Replace bytes of a file, once."""
        data = (self.folder / name).read_bytes()
        assert old in data, old
        self.write(name, data.replace(old, new, 1))


def attack(function: Attack) -> Attack:
    """Name an attack after its function."""
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


def _simple(name: str, change: Callable[[Target], object]) -> None:
    def run(target: Target) -> None:
        change(target)

    ATTACKS[name] = run


def _link(target: Target, name: str) -> None:
    elsewhere = target.folder.parent / f"elsewhere-{name}"
    shutil.move(target.folder / name, elsewhere)
    (target.folder / name).symlink_to(elsewhere)


def _swap(target: Target) -> None:
    a, b = target.folder / "manifest.csv", target.folder / "MODEL_CARD.md"
    one, other = a.read_bytes(), b.read_bytes()
    a.write_bytes(other)
    b.write_bytes(one)


def _named(said: dict[str, Any], **fields: Any) -> None:
    said["subject"][0].update(fields)


def _directory(target: Target) -> None:
    (target.folder / "manifest.csv").unlink()
    (target.folder / "manifest.csv").mkdir()


def _pipe(target: Target) -> None:
    (target.folder / "manifest.csv").unlink()
    os.mkfifo(target.folder / "manifest.csv")


# -- files ---------------------------------------------------------------------------------------------------

for _name in ("model.joblib", "manifest.csv", "bundle.json", "model.sig"):
    _simple(f"missing {_name}", lambda t, n=_name: (t.folder / n).unlink())  # type: ignore[misc]
    _simple(f"empty {_name}", lambda t, n=_name: t.write(n, b""))  # type: ignore[misc]
    _simple(f"link {_name}", lambda t, n=_name: _link(t, n))  # type: ignore[misc]
    _simple(f"longer {_name}", lambda t, n=_name: t.write(n, (t.folder / n).read_bytes() + b"\n"))  # type: ignore[misc]
_simple("extra file", lambda t: t.write("extra.joblib", b"x"))
_simple("extra hidden file", lambda t: t.write(".hidden", b"x"))
_simple("extra folder", lambda t: (t.folder / "more").mkdir())
_simple("extra link", lambda t: (t.folder / "again.joblib").symlink_to("model.joblib"))
_simple("stage folder that is a link", lambda t: (t.folder / "report").symlink_to("/"))
_simple("stage folder that is a file", lambda t: t.write("report", b"x"))
_simple("listed file is a folder", _directory)
_simple("listed file is a pipe", _pipe)
_simple("two files swapped", _swap)

# -- bundle.json ---------------------------------------------------------------------------------------------

for _name in (
    "../outside",
    "/etc/hostname",
    "a\\b",
    "sub/file",
    "..",
    ".",
    "",
    "MANIFEST.CSV",
    "bundle.json",
    "report",
):
    _simple(f"listed name {_name!r}", lambda t, n=_name: t.listed(n))  # type: ignore[misc]
_simple("listed name with a zero byte", lambda t: t.listed("a\0b"))
_simple("listed size is negative", lambda t: t.listed("manifest.csv", bytes=-1))
_simple("listed size is a truth", lambda t: t.listed("manifest.csv", bytes=True))
_simple("listed hash in capitals", lambda t: t.listed("manifest.csv", sha256="A" * 64))
_simple("listed with more than size and hash", lambda t: t.listed("manifest.csv", mode=493))
_simple("key twice", lambda t: t.replaced(b'"format":3', b'"format":3,"format":3'))
_simple("key twice, the last of another format", lambda t: t.replaced(b'"format":3', b'"format":3,"format":2'))
_simple("file twice", lambda t: t.replaced(b'"files":{', b'"files":{"model.joblib":{"bytes":1,"sha256":""},'))
_simple("spaces", lambda t: t.replaced(b'"format":3', b'"format": 3'))
_simple("number as a fraction", lambda t: t.replaced(b'"format":3', b'"format":3.0'))
_simple("number with an exponent", lambda t: t.replaced(b'"format":3', b'"format":3e0'))
_simple("byte order mark", lambda t: t.write("bundle.json", b"\xef\xbb\xbf" + canonical(t.bundle)))
_simple("escaped letters", lambda t: t.replaced(b'"format"', b'"\\u0066ormat"'))
_simple("other order", lambda t: t.write("bundle.json", json.dumps(dict(sorted(t.bundle.items(), reverse=True)),
    separators=(",", ":"), ensure_ascii=False).encode()))  # fmt: skip
_simple("another key", lambda t: t.change(comment="mine"))
_simple("key missing", lambda t: t.write("bundle.json", {k: v for k, v in t.bundle.items() if k != "python"}))
_simple("format 2", lambda t: t.change(format=2))
_simple("format 99", lambda t: t.change(format=99))
_simple("nested deeply", lambda t: t.write("bundle.json", b"[" * 100_000))
_simple("too long", lambda t: t.write("bundle.json", b'{"format":3,"x":"' + b"x" * 5 * 2**20 + b'"}'))
_simple("version raised", lambda t: t.change(model_version=t.bundle["model_version"] + 1))
_simple("other libraries", lambda t: t.change(libraries={**t.bundle["libraries"], "scikit-learn": "0.24.0"}))
_simple("file and its hash replaced", lambda t: (t.write("manifest.csv", b"x"), t.listed("manifest.csv", bytes=1,
    sha256="2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")))  # fmt: skip

# -- model.sig -----------------------------------------------------------------------------------------------

_simple("signature with spaces", lambda t: t.write("model.sig", json.dumps(t.signature, sort_keys=True).encode()))
_simple("signature with a key twice", lambda t: t.replaced(b'"mediaType"', b'"mediaType":"x","mediaType"', "model.sig"))
_simple("signature of another media type", lambda t: t.write("model.sig", {**t.signature, "mediaType": "x"}))
_simple("signature with another key's name", lambda t: t.replaced(t.key.public.key_id.encode(), b"0" * 64, "model.sig"))
_simple("signature with a name in capitals", lambda t: t.replaced(
    t.key.public.key_id.encode(), t.key.public.key_id.upper().encode(), "model.sig"))  # fmt: skip
_simple("signature with a keyid", lambda t: t.replaced(b'"keyid":""', b'"keyid":"a"', "model.sig"))
_simple(
    "signature of another payload type", lambda t: t.replaced(b"vnd.in-toto+json", b"vnd.in-toto+jsom", "model.sig")
)
_simple("payload spelled otherwise", lambda t: t.payload(lambda _: None, lambda s: json.dumps(s, indent=2).encode()))
_simple("payload with another model's name", lambda t: t.payload(lambda s: _named(s, name="other")))
_simple("payload with another digest", lambda t: t.payload(lambda s: _named(s, digest={"sha256": "0" * 64})))
_simple("payload without a file", lambda t: t.payload(lambda s: s["predicate"]["resources"].pop()))
_simple("payload that ignores more", lambda t: t.payload(
    lambda s: s["predicate"]["serialization"]["ignore_paths"].append("model.joblib")))  # fmt: skip
_simple("signature cut off", lambda t: t.value(lambda v: v[:-1]))
_simple("signature with a byte more", lambda t: t.value(lambda v: v + b"\0"))
_simple("signature of zeros", lambda t: t.value(lambda v: bytes(len(v))))


@attack
def second_spelling_of_the_signature(target: Target) -> None:
    """Ed25519 with s + L; ECDSA with n - s: what other verifiers took, some for years."""

    def other(value: bytes) -> bytes:
        if len(value) == 64:
            order = 2**252 + 27742317777372353535851937790883648493
            return value[:32] + (int.from_bytes(value[32:], "little") + order).to_bytes(32, "little")
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

        r, s = decode_dss_signature(value)
        return encode_dss_signature(r, _ORDER - s)

    target.value(other)


@attack
def signature_in_base64_without_padding(target: Target) -> None:
    made = target.signature
    made["dsseEnvelope"]["payload"] = made["dsseEnvelope"]["payload"].rstrip("=") + "\n"
    target.write("model.sig", made)


@attack
def two_signatures(target: Target) -> None:
    made = target.signature
    made["dsseEnvelope"]["signatures"] *= 2
    target.write("model.sig", made)


def _signed_by(target: Target, key: PrivateKey, name: str = "target") -> bytes:
    import hashlib

    files = {n: e["sha256"] for n, e in target.bundle["files"].items()}
    digest = hashlib.sha256((target.folder / "bundle.json").read_bytes()).hexdigest()
    return sign(name, {"bundle.json": digest, **files}, key)


def _stranger() -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return PrivateKey(ed25519.Ed25519PrivateKey.generate())


@attack
def signed_by_a_stranger(target: Target) -> None:
    target.write("model.sig", _signed_by(target, _stranger()))


@attack
def signed_by_a_stranger_in_our_name(target: Target) -> None:
    key = _stranger()
    data = _signed_by(target, key)
    target.write("model.sig", data.replace(key.public.key_id.encode(), target.key.public.key_id.encode()))


@attack
def signature_of_another_model(target: Target) -> None:
    """Ours, of the same files in another version."""
    version = target.bundle["model_version"]
    target.change(model_version=version + 1)
    data = _signed_by(target, target.key)
    target.change(model_version=version)
    target.write("model.sig", data)


@attack
def older_than_seen_before(target: Target) -> Trust:
    store = TrustStore(target.folder.parent / "seen")
    store.saw(target.key.public.key_id, "target", target.bundle["model_version"] + 1, "0" * 64)
    return Trust(target.trust.keys, store=store)


@attack
def older_than_the_minimum(target: Target) -> Trust:
    return Trust(target.trust.keys, target.bundle["model_version"] + 1, store=target.trust.store)


@attack
def another_key_is_trusted(target: Target) -> Trust:
    return Trust((PublicKey(_stranger().public.der),), store=target.trust.store)
