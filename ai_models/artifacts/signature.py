"""The detached signature of a model, in the layout of OpenSSF Model Signing (OMS 1.0, method "key").

``model.sig`` is a Sigstore bundle: a DSSE envelope around an in-toto statement that lists every file of the model with
its SHA-256. The public key is named by its hash alone; which keys count is for the user to say. Of one list of files,
one name, one key and one signature exactly one file can be made, and only that file is taken: a reader makes it again
and compares bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ai_models.artifacts.canonical import canonical, read_canonical
from ai_models.artifacts.description import SIGNATURE, STAGE_FOLDERS
from ai_models.artifacts.keys import PrivateKey, PublicKey
from ai_models.core.errors import BundleError

__all__ = ["IGNORED", "Signature", "read_signature", "sign", "usable_name"]

IGNORED = (SIGNATURE, *STAGE_FOLDERS, ".unfinished")
"""What may lie in a model directory without being signed."""

_BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://model_signing/signature/v1.0"


@dataclass(frozen=True)
class Signature:
    """What a signature file says, before anything of it is believed.

    Attributes
    ----------
    name
        What it calls the model.
    key_id
        Which key is said to have signed.
    value
        The signature.
    data
        The file.
    """

    name: str
    key_id: str
    value: bytes
    data: bytes

    def covers(self, digests: Mapping[str, str]) -> bool:
        """Return whether the file is the one that is made of these files, name -> SHA-256 (hex)."""
        return _file(statement(self.name, digests), self.key_id, self.value) == self.data

    def verified_by(self, key: PublicKey, digests: Mapping[str, str]) -> bool:
        """Return whether the key signed exactly these files under this name."""
        return self.covers(digests) and key.verifies(self.value, _authenticated(statement(self.name, digests)))


def usable_name(name: str) -> bool:
    """Return whether a model may be called so in a signature."""
    return 0 < len(name) <= 200 and name.isprintable() and name == name.strip()


def statement(name: str, digests: Mapping[str, str]) -> bytes:
    """Return what is signed.

    Parameters
    ----------
    name
        Of the model.
    digests
        File -> SHA-256 (hex).
    """
    ordered = sorted(digests.items())
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for _, digest in ordered)).hexdigest()
    return canonical(
        {
            "_type": _STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": root}}],
            "predicateType": _PREDICATE_TYPE,
            "predicate": {
                "serialization": {
                    "method": "files",
                    "hash_type": "sha256",
                    "allow_symlinks": False,
                    "ignore_paths": list(IGNORED),
                },
                "resources": [{"name": n, "algorithm": "sha256", "digest": digest} for n, digest in ordered],
            },
        }
    )


def sign(name: str, digests: Mapping[str, str], key: PrivateKey) -> bytes:
    """Return the signature file of a model's files."""
    payload = statement(name, digests)
    return _file(payload, key.public.key_id, key.sign(_authenticated(payload)))


def read_signature(data: bytes, place: object) -> Signature:
    """Return what a signature file says.

    Raises
    ------
    BundleError
        When it is not one, or not spelled as `sign` spells it.
    """
    try:
        found = read_canonical(data)
        envelope = found["dsseEnvelope"]
        said = read_canonical(base64.b64decode(envelope["payload"], validate=True))
        name, key_id = said["subject"][0]["name"], found["verificationMaterial"]["publicKey"]["hint"]
        value = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        if not isinstance(name, str) or not isinstance(key_id, str) or not usable_name(name):
            raise ValueError("the model's name or the key's is not a text")
    except (ValueError, KeyError, TypeError, IndexError, binascii.Error) as error:
        raise BundleError(
            f"'{place}/{SIGNATURE}' is not a signature as this product writes it ({error}): sign the model again"
        ) from error
    return Signature(name, key_id, value, data)


def _authenticated(payload: bytes) -> bytes:
    """Return the bytes that DSSE signs for a payload: its pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD_TYPE), _PAYLOAD_TYPE.encode(), len(payload), payload)


def _file(payload: bytes, key_id: str, signature: bytes) -> bytes:
    made: dict[str, Any] = {
        "mediaType": _BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key_id}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": _PAYLOAD_TYPE,
            "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode("ascii")}],
        },
    }
    return canonical(made)
