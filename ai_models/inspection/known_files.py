"""What an earlier look found in a file, by its content: a file that was seen before is not decoded again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.core import images
from ai_models.core.config import canonical_json
from ai_models.core.images import Probe, Verdict
from ai_models.core.settings import FeatureConfig, InspectionConfig
from ai_models.duplicates.looks import LEAST_BYTES, MOST_BYTES, Look
from ai_models.features.cache import FeatureCache
from ai_models.quality import QualityScores
from ai_models.shortcuts.frame import FRAME_BYTES

__all__ = ["VERSION", "Asked", "KnownFiles", "Seen"]

VERSION = 1
"""Raise it whenever a look finds otherwise: quality, frame, fingerprint or keypoints."""
_LENGTHS = struct.Struct("<HI")  # of the text, of the look
_MOST_TEXT = 1024
_TOGETHER = 256  # looks that are written at once


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """All that a file's content says.

    Attributes
    ----------
    probe
        Of a readable file, whatever its name.
    scores
        Quality; None where it was not asked for.
    frame
        As `describe_frame` gives it; empty where the scores are None.
    look
        For comparisons; None for an augmented copy, which is not compared.
    """

    probe: Probe
    scores: QualityScores | None = None
    frame: bytes = b""
    look: Look | None = None


class Asked(NamedTuple):
    """What is asked about a file.

    Attributes
    ----------
    quality
        Scores and frame.
    local
        Keypoints.
    compared
        Whether it is compared with others at all; an augmented copy is not.
    """

    quality: bool
    local: bool
    compared: bool = True

    @property
    def key(self) -> str:
        """Key under which the answers are cached."""
        parts = [VERSION, images.decoder_id(), *self]
        return f"inspected.file-{hashlib.sha256(canonical_json(parts)).hexdigest()[:32]}"

    @property
    def row_bytes(self) -> int:
        """Length of a row that holds an answer."""
        return _LENGTHS.size + _MOST_TEXT + FRAME_BYTES + (MOST_BYTES if self.local else LEAST_BYTES) * self.compared


class KnownFiles:
    """Looks at readable files, kept in the feature cache by the SHA-256 of the file; threads may share it.

    Parameters
    ----------
    config
        Whether there is a cache, and where.
    """

    def __init__(self, config: InspectionConfig) -> None:
        self._cache = FeatureCache.of(FeatureConfig(cache_features=config.cache_features, cache_dir=config.cache_dir))
        self._fresh: dict[Asked, list[Seen]] = {}

    def recall(self, sha256: str, asked: Asked) -> Seen | None:
        """Return what is known of a file that was asked the same; None where it is not known."""
        if self._cache is None:
            return None
        row = self._cache.get(asked.key, [sha256]).get(sha256)
        return None if row is None else _from_row(row, asked)

    def keep(self, seen: Seen, asked: Asked) -> None:
        """Keep a look for later; it is written with others, at the latest by `flush`."""
        fresh = self._fresh.setdefault(asked, [])
        fresh.append(seen)
        if len(fresh) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Write what is to be kept; a look that does not fit is left out."""
        for asked, fresh in self._fresh.items():
            rows = {seen.probe.sha256: row for seen in fresh if (row := _to_row(seen, asked)) is not None}
            if self._cache is not None and rows:
                self._cache.put(asked.key, list(rows), np.stack(list(rows.values())))
        self._fresh = {}


def _to_row(seen: Seen, asked: Asked) -> NDArray[np.uint8] | None:
    probe = dataclasses.asdict(dataclasses.replace(seen.probe, verdict=Verdict.OK, detail=""))
    scores = None if seen.scores is None else dataclasses.asdict(seen.scores)
    pixels, look = ("", b"") if seen.look is None else (seen.look.fingerprint.pixels, seen.look.to_bytes())
    text = canonical_json({"probe": probe, "scores": scores, "pixels": pixels})
    if len(text) > _MOST_TEXT:
        return None
    data = b"".join((_LENGTHS.pack(len(text), len(look)), text, seen.frame.ljust(FRAME_BYTES, b"\0"), look))
    return np.frombuffer(data.ljust(asked.row_bytes, b"\0"), dtype=np.uint8)


def _from_row(row: NDArray[np.uint8], asked: Asked) -> Seen:
    data = row.tobytes()
    texts, looks = _LENGTHS.unpack_from(data)
    frame, look = _LENGTHS.size + texts, _LENGTHS.size + texts + FRAME_BYTES
    known = json.loads(data[_LENGTHS.size : frame])
    probe = Probe(**{**known["probe"], "verdict": Verdict.OK})
    return Seen(
        probe,
        None if known["scores"] is None else QualityScores(**known["scores"]),
        data[frame:look] if asked.quality else b"",
        Look.from_bytes(known["pixels"], data[look : look + looks], local=asked.local) if asked.compared else None,
    )
