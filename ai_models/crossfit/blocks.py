"""Which blocks a part of the pipeline works on, and how they are scaled."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping

from ai_models.core.settings import FeatureConfig, is_embedding
from ai_models.ensemble.scaler import BlockScaler
from ai_models.features import HybridFeatureExtractor, RawFeatures

__all__ = ["block_scaler", "narrowed", "outlier_columns"]


def block_scaler(slices: Mapping[str, slice], max_components: int | Mapping[str, int]) -> BlockScaler:
    """Return the scaler of a pipeline: embeddings keep unit length, other blocks are brought to their spread.

    Parameters
    ----------
    slices
        Block name -> columns.
    max_components
        Principal components a block, one number for all or one each; 0 for none.
    """
    return BlockScaler(slices, max_components, reference=tuple(name for name in slices if is_embedding(name)))


def outlier_columns(slices: Mapping[str, slice], fitted: Iterable[str] = ()) -> tuple[slice, ...]:
    """Return the blocks that outlier detectors look at.

    Parameters
    ----------
    slices
        Block name -> columns.
    fitted
        Blocks whose columns depend on what their encoder was fitted on.

    Returns
    -------
    tuple of slice
        The embeddings; where there is none every block that is the same in each fold; else every block.
    """
    embeddings = [name for name in slices if is_embedding(name)]
    chosen = embeddings or [name for name in slices if name not in set(fitted)] or list(slices)
    return tuple(slices[name] for name in chosen)


def narrowed(
    extractor: HybridFeatureExtractor, raw: RawFeatures, blocks: Collection[str]
) -> tuple[HybridFeatureExtractor, RawFeatures]:
    """Return extractor and features without the blocks that are not named: they are neither computed nor carried.

    Stages come with their network; those of another network than a named one's may stay.
    """
    used = copy.copy(extractor)
    config = (extractor.config or FeatureConfig()).with_blocks(*blocks)
    used.config = config.with_networks(*config.networks)  # what was open is decided
    kept = {block.name: raw.blocks[block.name] for block in used.blocks}
    closer = None if raw.closer is None else RawFeatures({n: raw.closer.blocks[n] for n in kept}, raw.closer.errors)
    return used, RawFeatures(kept, raw.errors, raw.quality, closer)
