"""Keys that models are signed with: Ed25519, or ECDSA on P-256, in PEM files as OpenSSL has them.

A signature has one spelling here. Ed25519 has none other (RFC 8032); of ECDSA's two values of s the lower is made and
taken, in strict DER.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_models.core.errors import BundleError, OutputError
from ai_models.core.optional import require

__all__ = ["ALGORITHMS", "PrivateKey", "PublicKey", "make_key", "read_private_key", "read_public_key"]

ALGORITHMS = ("ed25519", "ecdsa")
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (FIPS 186)."""
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END PUBLIC KEY-----\s*")
_MOST = 64 * 2**10


@dataclass(frozen=True)
class PublicKey:
    """A public key.

    Attributes
    ----------
    der
        Its SubjectPublicKeyInfo (RFC 5280).
    """

    der: bytes

    @classmethod
    def of_pem(cls, data: bytes, place: object = "key") -> PublicKey:
        """Read a key from a PEM text, without any library.

        Raises
        ------
        BundleError
            When it is not a public key.
        """
        found = _PEM.fullmatch(data.strip())
        try:
            return cls(base64.b64decode(b"".join(found[1].split()), validate=True) if found else b"")._checked(place)
        except binascii.Error:
            return cls(b"")._checked(place)

    def _checked(self, place: object) -> PublicKey:
        if not self.der:
            raise BundleError(f"'{place}' is not a public key: give the file NAME.pem that keygen wrote, in PEM")
        return self

    @property
    def pem(self) -> bytes:
        """The key as a PEM text."""
        text = base64.b64encode(self.der)
        lines = [text[i : i + 64] for i in range(0, len(text), 64)]
        return b"\n".join([b"-----BEGIN PUBLIC KEY-----", *lines, b"-----END PUBLIC KEY-----", b""])

    @property
    def key_id(self) -> str:
        """SHA-256 (hex) of the PEM text, by which signatures name the key."""
        return hashlib.sha256(self.pem).hexdigest()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether the key's owner signed a message, and the signature is spelled the one way.

        Raises
        ------
        BundleError
            When the key is of another kind.
        MissingExtraError
            When the library is not installed.
        """
        _require()
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519

        try:
            key = serialization.load_der_public_key(self.der)
        except ValueError as error:
            raise BundleError(f"public key {self.key_id[:16]} is damaged ({error}): make it anew") from error
        try:
            if isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(signature, message)
                return True
            if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
                key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
                return _low_s(signature) == signature
        except InvalidSignature:
            return False
        raise BundleError(f"public key {self.key_id[:16]} is neither Ed25519 nor ECDSA on P-256: make another")


@dataclass(frozen=True)
class PrivateKey:
    """A key to sign with."""

    _key: Any

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        from cryptography.hazmat.primitives import serialization

        return PublicKey(
            self._key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return _low_s(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return bytes(self._key.sign(message))

    def pem(self, passphrase: str = "") -> bytes:
        """Return the key as a PEM text (PKCS 8), encrypted where there is a passphrase."""
        from cryptography.hazmat.primitives import serialization

        sealed = (
            serialization.BestAvailableEncryption(passphrase.encode("utf-8"))
            if passphrase
            else serialization.NoEncryption()
        )
        text = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
        return bytes(text)


def make_key(algorithm: str, file: str | os.PathLike[str], passphrase: str = "") -> tuple[PrivateKey, Path]:
    """Make a key; write it so that nobody else may read it, and its public half beside it.

    Parameters
    ----------
    algorithm
        One of `ALGORITHMS`.
    file
        A new file.
    passphrase
        Encrypts it; empty for none.

    Returns
    -------
    tuple
        The key, and the file of its public half, ``FILE.pub.pem``.

    Raises
    ------
    OutputError
        When one of the files exists, which is never replaced, or cannot be written.
    """
    _require()
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    made: Any = (
        ec.generate_private_key(ec.SECP256R1()) if algorithm == "ecdsa" else ed25519.Ed25519PrivateKey.generate()
    )
    key, private = PrivateKey(made), Path(file)
    public = private.with_name(f"{private.stem}.pub.pem")
    for place in (private, public):
        if place.exists():
            raise OutputError(f"'{place}' exists, and a key is never replaced: choose another name")
    try:
        private.parent.mkdir(parents=True, exist_ok=True)
        for place, data, mode in ((private, key.pem(passphrase), 0o600), (public, key.public.pem, 0o644)):
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
    except OSError as error:
        raise OutputError(f"cannot write '{private}' ({error.strerror}): choose another place") from error
    return key, public


def read_private_key(file: str | os.PathLike[str], passphrase: str = "") -> PrivateKey:
    """Read a key to sign with.

    Raises
    ------
    BundleError
        When there is none, the passphrase is wrong, or it is of another kind.
    MissingExtraError
        When the library is not installed.
    """
    _require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    data = _read(file, "private")
    try:
        key = serialization.load_pem_private_key(data, passphrase.encode("utf-8") or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleError(
            f"'{file}' cannot be opened as a private key ({str(error).splitlines()[0]}): "
            "give the file that keygen wrote, and its passphrase in AMULET_AI_KEY_PASSPHRASE or with --passphrase"
        ) from error
    on_p256 = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    if not on_p256 and not isinstance(key, ed25519.Ed25519PrivateKey):
        raise BundleError(f"'{file}' is neither an Ed25519 key nor one of ECDSA on P-256: make one with keygen")
    return PrivateKey(key)


def read_public_key(file: str | os.PathLike[str]) -> PublicKey:
    """Read a public key.

    Raises
    ------
    BundleError
        When there is none.
    """
    return PublicKey.of_pem(_read(file, "public"), file)


def _read(file: str | os.PathLike[str], what: str) -> bytes:
    try:
        with Path(file).open("rb") as stream:
            return stream.read(_MOST)
    except OSError as error:
        raise BundleError(f"the {what} key '{file}' cannot be read ({error.strerror}): check the path") from error


def _low_s(signature: bytes) -> bytes:
    """Return a signature of ECDSA with the lower of the two values of s, in DER."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, _ORDER - s))


def _require() -> None:
    require("cryptography", extra="sign", purpose="a signed model")
