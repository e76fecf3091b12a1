"""What is kept of many images while they are compared: little in memory, the rest in a temporary file."""

from __future__ import annotations

import os
import struct
import tempfile
from dataclasses import dataclass

import numpy as np

from ai_models.core.images import RGBImage
from ai_models.duplicates.fingerprint import FREQUENCIES, SIDE, Fingerprint, fingerprint
from ai_models.duplicates.keypoints import MOST, Keypoints, keypoints, working_grey

__all__ = ["LEAST_BYTES", "MOST_BYTES", "Look", "Looks", "look_at"]

_HEAD = struct.Struct("<HHH")  # width, height, keypoints
_PRINT, _POINT = SIDE**2 + FREQUENCIES**2, 8 + 128
LEAST_BYTES = _PRINT + _HEAD.size
"""What `Look.to_bytes` returns without keypoints."""
MOST_BYTES = LEAST_BYTES + MOST * _POINT
"""Most that `Look.to_bytes` returns."""


@dataclass(frozen=True, slots=True)
class Look:
    """One image reduced to what comparisons need.

    Attributes
    ----------
    fingerprint
        For equal and near-equal pictures.
    keypoints
        For pictures that can be laid over one another; None where that was not asked for.
    """

    fingerprint: Fingerprint
    keypoints: Keypoints | None

    def to_bytes(self) -> bytes:
        """Return the look as bytes, of at most `MOST_BYTES`; without the hash of the pixels."""
        found = self.keypoints or Keypoints((0, 0), np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
        parts = (
            self.fingerprint.thumbnail.tobytes(),
            self.fingerprint.signs.tobytes(),
            _HEAD.pack(*found.size, len(found.points)),
            found.points.astype("<f4").tobytes(),
            found.descriptors.tobytes(),
        )
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, pixels: str, data: bytes, *, local: bool) -> Look:
        """Return the look that `to_bytes` wrote; `pixels` is the hash, `local` whether keypoints were asked for."""
        return cls(_fingerprint(pixels, data), _keypoints(data[_PRINT:]) if local else None)


def look_at(image: RGBImage, *, local: bool) -> Look:
    """Reduce one image, uint8 (h, w, 3), RGB, at full size; `local` asks for its keypoints."""
    return Look(fingerprint(image), keypoints(working_grey(image)) if local else None)


class Looks:
    """Images by number, each with its path.

    In memory stand the path and two hashes of each, about 100 bytes beside the texts that the caller holds anyway;
    fingerprints and keypoints (45 KiB an image) lie in a temporary file that has no name and goes with the object.
    Any number of threads may read at once.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.hashes: list[str] = []
        self.pixels: list[bytes] = []
        self._starts: list[int] = []
        self._end = 0
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed with the object)

    def add(self, path: str, sha256: str, look: Look) -> None:
        """Keep one image.

        Parameters
        ----------
        path
            Its name, not kept yet.
        sha256
            Of the file's bytes.
        look
            What was seen.
        """
        record = look.to_bytes()
        os.pwrite(self._file.fileno(), record, self._end)
        self.paths.append(path)
        self.hashes.append(sha256)
        self.pixels.append(bytes.fromhex(look.fingerprint.pixels))
        self._starts.append(self._end)
        self._end += len(record)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Fingerprint:
        """Return the fingerprint of an image."""
        return _fingerprint(self.pixels[index].hex(), self._read(self._starts[index], _PRINT))

    def keypoints(self, index: int) -> Keypoints:
        """Return the local features of an image; none where they were not asked for."""
        start = self._starts[index] + _PRINT
        head = self._read(start, _HEAD.size)
        return _keypoints(head + self._read(start + _HEAD.size, _HEAD.unpack(head)[2] * _POINT))

    def _read(self, start: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, start)

    def __del__(self) -> None:
        file = getattr(self, "_file", None)  # none where the temporary file could not be made
        if file is not None:
            file.close()


def _fingerprint(pixels: str, data: bytes) -> Fingerprint:
    thumbnail = np.frombuffer(data, np.uint8, SIDE**2).reshape(SIDE, SIDE)
    signs = np.frombuffer(data, np.int8, FREQUENCIES**2, SIDE**2).reshape(FREQUENCIES, FREQUENCIES)
    return Fingerprint(pixels, thumbnail, signs)


def _keypoints(data: bytes) -> Keypoints:
    width, height, count = _HEAD.unpack_from(data)
    points = np.frombuffer(data, "<f4", 2 * count, _HEAD.size).reshape(count, 2)
    descriptors = np.frombuffer(data, np.uint8, 128 * count, _HEAD.size + 8 * count).reshape(count, 128)
    return Keypoints((width, height), points.astype(np.float32), descriptors)
