"""What the stages of a network see on the way to its embedding: texture and parts rather than ImageNet's objects.

An embedding of a classification network has forgotten what did not help to tell a thousand everyday classes apart.
The mean and the standard deviation of every channel of each inner stage still hold it (Gatys et al. 2015, *Texture
synthesis using convolutional neural networks*), and come with the same pass through the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["COARSEST", "recorded_stages", "stage_names", "statistics"]

COARSEST = 8
"""Least number of pixels of the picture, on a side, that one cell of a stage stands for: finer ones see edges only."""


def stage_names(module: torch.nn.Module) -> list[str]:
    """Return the names of the stages of one of timm's or torchvision's networks, in order; none where it has none."""
    layers = [f"layer{i}" for i in range(1, 5) if hasattr(module, f"layer{i}")]
    if layers:
        return layers
    for attribute in ("blocks", "stages", "features"):
        stages = getattr(module, attribute, None)
        if stages is not None:
            return [f"{attribute}.{name}" for name, _ in stages.named_children()]
    return []


@contextmanager
def recorded_stages(module: torch.nn.Module, names: list[str], side: int) -> Iterator[list[Any]]:
    """Collect `statistics` of the output of these stages, in the order in which they run, while the network runs.

    They are taken as a stage ends, so that in an exported graph the last pooling is that of the embedding.
    """
    found: list[Any] = []
    hooks = [
        module.get_submodule(name).register_forward_hook(
            lambda _module, _args, output: found.extend(statistics(output, side))
        )
        for name in names
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def statistics(maps: Any, side: int) -> tuple[Any, ...]:
    """Return what is kept of the output of a stage.

    Parameters
    ----------
    maps
        Tensor (n, channels, height, width).
    side
        Side of the picture in pixels.

    Returns
    -------
    tuple of torch.Tensor
        Float32 (n, channels) each: the signed square root of the channels' means, and the root of their standard
        deviations, both scaled to length 1, so that no stage outweighs another. Nothing for a tensor of another
        shape, or finer than `COARSEST`.
    """
    if maps.ndim != 4 or side < COARSEST * int(maps.shape[2]):
        return ()
    cells = maps.float()
    mean = cells.mean((2, 3))
    deviation = ((cells - mean[:, :, None, None]) ** 2).mean((2, 3)).clamp_min(1e-12).sqrt()
    both = mean.sign() * mean.abs().sqrt(), deviation.sqrt()
    return tuple(values / (values**2).sum(1, keepdim=True).clamp_min(1e-12).sqrt() for values in both)
