"""What each block of features costs for one image on this machine, and which blocks fit into what an image may cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ai_models.core.images import RGBImage
from ai_models.core.settings import PreprocessConfig, network_of
from ai_models.execution import single_threaded_libraries
from ai_models.features.base import BaseFeatureExtractor
from ai_models.features.extraction import working_image

__all__ = ["READING", "Affordable", "affordable", "measure_costs"]

READING = "reading"
"""Name of the cost that every image has: decoding and reducing it for the usual size."""
_REPEATS = 3
_WORTH = ("cnn", "stages", "cnn_wide", "stages_wide", "colour", "lbp", "hog", "sift", "orb")
"""The order in which blocks get their share of what an image may cost; blocks of your own come last."""


@dataclass(frozen=True)
class Affordable:
    """Blocks that an image can pay for, and those that it cannot, with what each would have taken."""

    blocks: tuple[str, ...]
    left_out: tuple[str, ...]
    costs: Mapping[str, float]

    def __str__(self) -> str:
        told = ", ".join(f"{name} {cost:.1f}" for name, cost in self.costs.items())
        return f"milliseconds an image on this machine: {told}; left out: {', '.join(self.left_out) or 'nothing'}"


def measure_costs(
    blocks: Sequence[BaseFeatureExtractor], files: Iterable[bytes | RGBImage], config: PreprocessConfig
) -> dict[str, float]:
    """Measure milliseconds for one image: `READING`, then each block.

    Median over images and repeats, after one that warms up, one image at a time on one thread. Counted is the time of
    that thread where the CPU computes, so that a busy machine costs nothing, and the clock where a GPU does. A block
    whose square is not the usual one is charged with a decoding of its own. Encoding with a codebook is not counted.

    Parameters
    ----------
    blocks
        The blocks, at least one.
    files
        Readable image files, or RGB uint8 (h, w, 3) arrays.
    config
        What is done to pixels first; counted as reading.
    """
    usual = blocks[0].config.image_size
    timed: dict[str, list[float]] = {READING: [], **{block.name: [] for block in blocks}}
    with single_threaded_libraries():
        for turn, item in enumerate(files):
            for repeat in range(_REPEATS + (turn == 0)):
                warm = turn > 0 or repeat > 0
                reading, _ = _timed(working_image, item, usual, config, clock=time.thread_time)
                if warm:
                    timed[READING].append(reading)
                squares: dict[int, tuple[float, RGBImage]] = {}
                for block in blocks:  # of one size they see the very same picture: the stages come with the embedding
                    side = block.image_size
                    if side not in squares:
                        squares[side] = _timed(working_image, item, side, config, clock=time.thread_time)
                    extra, image = squares[side]
                    clock = time.perf_counter if block.backend().endswith("cuda") else time.thread_time
                    spent, _ = _timed(block.extract_features, image, clock=clock)
                    if warm:
                        timed[block.name].append(spent + (extra if block.image_size != usual else 0.0))
    return {name: 1000 * float(np.median(values)) for name, values in timed.items()}


def affordable(costs: Mapping[str, float], limit: float) -> Affordable:
    """Give each block its share of the limit, the most telling first; one that does not fit any more is left out.

    Parameters
    ----------
    costs
        Milliseconds by block, with `READING`.
    limit
        Milliseconds that reading an image and all of its features may take.
    """
    names = [name for name in costs if name != READING]
    left = limit - costs[READING]
    kept: list[str] = []
    for name in sorted(names, key=lambda n: _WORTH.index(n) if n in _WORTH else len(_WORTH)):
        if costs[name] <= left and network_of(name) in (*kept, name, ""):  # no stages without their network
            kept.append(name)
            left -= costs[name]
    return Affordable(tuple(n for n in names if n in kept), tuple(n for n in names if n not in kept), dict(costs))


def _timed(work: Callable[..., Any], *given: Any, clock: Callable[[], float]) -> tuple[float, Any]:
    start = clock()
    result = work(*given)
    return clock() - start, result
