"""All blocks side by side: a scikit-learn transformer from images to float32 (n, d)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from ai_models.core.config import canonical_json
from ai_models.core.errors import DataError
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.features import extraction
from ai_models.features.base import BaseFeatureExtractor, Encoder, FloatArray
from ai_models.features.cache import FeatureCache
from ai_models.features.extraction import Item, RawFeatures
from ai_models.features.registry import registered

__all__ = ["BUILT_IN", "HybridFeatureExtractor"]

BUILT_IN = ("cnn", "cnn_wide", "stages", "stages_wide", "hog", "lbp", "sift", "colour", "orb")
"""Blocks of this package in the order of their columns.

The networks are chosen by ``preset``, the stages of all of them are switched by ``use_stages_features``, every other
block by ``use_<name>_features``.
"""


CLOSER = 0.8
"""Share of each side, around the middle, that a second look shows."""


class HybridFeatureExtractor(TransformerMixin, BaseEstimator):
    """Describe images by several blocks of features, kept on disk by content.

    Parameters
    ----------
    config
        Which blocks, from what size, kept where; `FeatureConfig()` when None.
    preprocess
        What is done to pixels first; nothing when None. A saved model carries it.
    seed
        Of the codebooks.
    workers
        Threads, 0 for one a core; results do not depend on it.

    Attributes
    ----------
    encoders_ : dict[str, Encoder]
        After fitting: the encoder of each block that has local descriptors.
    n_features_out_ : int
        After fitting: number of columns d.
    """

    def __init__(
        self,
        config: FeatureConfig | None = None,
        preprocess: PreprocessConfig | None = None,
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        self.config = config
        self.preprocess = preprocess
        self.seed = seed
        self.workers = workers

    # -- per image, nothing fitted ---------------------------------------------------------------------------

    def extract_raw(
        self, items: Iterable[Item], *, on_error: Literal["raise", "record"] = "raise", label: str = "extract"
    ) -> RawFeatures:
        """Compute what depends on each image alone; what the cache knows is not computed, or even decoded, again.

        Parameters
        ----------
        items
            Paths, bytes of image files and RGB uint8 (h, w, 3) arrays, mixed as you like.
        on_error
            What an unreadable image does: ``"raise"`` a DataError that names it, or ``"record"`` it in the result's
            `errors` and leave its rows zero.
        label
            On the progress bar; empty for none.

        Raises
        ------
        DataError
            For an unreadable image (see `on_error`), or an item that is no image at all.
        """
        listed = _as_list(items)

        def look(preprocess: PreprocessConfig, label: str) -> RawFeatures:
            return extraction.extract_raw(listed, **self._how(preprocess, on_error, label))

        raw = look(self._preprocess(), label)
        if self._config().test_time_augmentation:
            raw.closer = look(self._preprocess().replace(middle=CLOSER), f"{label}, closer" if label else "")
        return raw

    def iter_raw(
        self, items: Iterable[Item], *, on_error: Literal["raise", "record"] = "raise", label: str = "extract"
    ) -> Iterator[tuple[int, RawFeatures]]:
        """Compute what `extract_raw` does, in parts, so that memory does not grow with the number of images.

        No part has a second look (`RawFeatures.closer`).

        Yields
        ------
        tuple
            The row at which a part starts, and the part; in order.
        """
        return extraction.iter_raw(_as_list(items), **self._how(self._preprocess(), on_error, label))

    # -- fitted on training rows -----------------------------------------------------------------------------

    def fit_raw(self, raw: RawFeatures) -> Self:
        """Fit the encoders on exactly these rows (unreadable ones are passed over)."""
        readable = [row for row in range(len(raw)) if row not in raw.errors]
        if not readable:
            raise DataError("features cannot be fitted on no readable image: give at least one")
        encoders: dict[str, Encoder] = {}
        for block in self._blocks():
            encoder = block.encoder(self.seed)
            if encoder is not None:
                encoders[block.name] = encoder.fit(raw.blocks[block.name][readable])
        self.encoders_ = encoders
        self.widths_ = {block.name: self._width(block, raw.blocks[block.name]) for block in self._blocks()}
        self.n_features_out_ = sum(self.widths_.values())
        return self

    def encode(self, raw: RawFeatures) -> FloatArray:
        """Return float32 (n, d): the blocks side by side, local descriptors encoded; unreadable rows are zero."""
        parts = []
        for block in self._blocks():
            encoder = self._encoder(block)
            rows = raw.blocks[block.name]
            parts.append(rows if encoder is None else encoder.transform(rows))
        encoded = np.concatenate(parts, axis=1, dtype=np.float32)
        encoded[list(raw.errors)] = 0
        return encoded

    def fit(self, X: Iterable[Item], y: Any = None) -> Self:
        """Fit the encoders on images; blocks without one need no fitting."""
        return self.fit_raw(self.extract_raw(X))

    def transform(self, X: Iterable[Item]) -> FloatArray:
        """Return float32 (n, d) of images; row i equals ``extract(X[i])``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            When a block needs an encoder that has not been fitted.
        """
        for block in self._blocks():
            self._encoder(block)
        items = _as_list(X)
        if len(items) < 2:
            return self.encode(extraction.extract_raw(items, **self._how(self._preprocess(), "raise", "extract")))
        encoded: FloatArray | None = None
        for start, part in self.iter_raw(items):  # encoded while the workers go on, so that descriptors do not pile up
            rows = self.encode(part)
            if encoded is None:
                encoded = np.empty((len(items), rows.shape[1]), dtype=np.float32)
            encoded[start : start + len(rows)] = rows
        assert encoded is not None
        return encoded

    def extract_batch(self, items: Iterable[Item]) -> FloatArray:
        """Return float32 (n, d); the same as `transform`."""
        return self.transform(items)

    def extract(self, item: Item) -> FloatArray:
        """Return float32 (d,) of one image."""
        for block in self._blocks():
            self._encoder(block)
        return np.asarray(self.encode(self.extract_raw([item], label=""))[0], dtype=np.float32)

    # -- columns ---------------------------------------------------------------------------------------------

    @property
    def blocks(self) -> tuple[BaseFeatureExtractor, ...]:
        """The blocks that are switched on, in the order of their columns."""
        return tuple(self._blocks())

    @property
    def block_slices(self) -> dict[str, slice]:
        """Columns of each block."""
        widths: dict[str, int] = self.__dict__.get("widths_", {})  # known without loading a network
        slices, start = {}, 0
        for block in self._blocks():
            stop = start + (widths.get(block.name) or len(block.get_feature_names()))
            slices[block.name] = slice(start, stop)
            start = stop
        return slices

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the d columns, ``<block>_<what>``."""
        names = [f"{block.name}_{name}" for block in self._blocks() for name in block.get_feature_names()]
        return np.asarray(names, dtype=object)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of what defines the output: blocks, versions, settings, weights, seed."""
        identities = [extraction.block_identity(block, self._preprocess()) for block in self._blocks()]
        looks = [CLOSER] if self._config().test_time_augmentation else []
        return hashlib.sha256(canonical_json([identities, self.seed, *looks])).hexdigest()

    # -- cache -----------------------------------------------------------------------------------------------

    def enable_cache(self, max_size: float = 2.0) -> None:
        """Keep features on disk, up to `max_size` GB."""
        self.config = self._config().replace(cache_features=True, max_cache_size_gb=float(max_size))

    def clear_cache(self) -> None:
        """Remove every cached feature of every block and run from the cache folder."""
        cache = self._cache()
        if cache is not None:
            cache.clear()

    @property
    def cache_stats(self) -> dict[str, Any]:
        """Rows found and not found by this object, and what the cache folder holds; empty with the cache off."""
        cache = self._cache()
        if cache is None:
            return {}
        info = cache.info()
        return {
            "hits": cache.hits, "misses": cache.misses, "bytes": info.bytes, "max_bytes": info.max_bytes,
            "rows": info.rows_by_block, "directory": info.directory,
        }  # fmt: skip

    # -- inside ----------------------------------------------------------------------------------------------

    def _how(self, preprocess: PreprocessConfig, on_error: str, label: str) -> dict[str, Any]:
        return {
            "blocks": self._blocks(), "config": preprocess, "cache": self._cache(), "workers": self.workers,
            "chunk": self._config().batch_size, "on_error": on_error, "label": label,
        }  # fmt: skip

    def _config(self) -> FeatureConfig:
        return self.config if self.config is not None else FeatureConfig()

    def _preprocess(self) -> PreprocessConfig:
        return self.preprocess if self.preprocess is not None else PreprocessConfig()

    def _blocks(self) -> list[BaseFeatureExtractor]:
        """Return the blocks of the present settings, in the order of their columns; made once."""
        config = self._config()
        made: tuple[FeatureConfig, list[BaseFeatureExtractor]] | None = self.__dict__.get("_made")
        if made is None or made[0] != config:
            classical = [n for n in ("hog", "lbp", "sift", "colour", "orb") if getattr(config, f"use_{n}_features")]
            names = (*config.networks, *config.stages, *classical, *config.custom_blocks)
            made = config, [_block(name, config, made) for name in names]
            self._made = made
        return made[1]

    def _cache(self) -> FeatureCache | None:
        config = self._config()
        if not config.cache_features:
            return None
        place = (config.cache_dir, config.max_cache_bytes)
        opened: tuple[tuple[str, int], FeatureCache] | None = self.__dict__.get("_opened")
        if opened is None or opened[0] != place:
            opened = place, FeatureCache(*place)
            self._opened = opened
        return opened[1]

    def _width(self, block: BaseFeatureExtractor, rows: NDArray[Any]) -> int:
        encoder = self._encoder(block)
        return int((rows if encoder is None else encoder.transform(rows[:1])).shape[1])

    def _encoder(self, block: BaseFeatureExtractor) -> Encoder | None:
        if block.encoder(self.seed) is None:
            return None
        try:
            return self.encoders_[block.name]
        except (AttributeError, KeyError):
            raise NotFittedError(
                f"the block '{block.name}' needs a codebook of training images: call fit before transform"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "encoders_"):
            self._blocks()  # a fitted extractor carries its blocks, and with them the network
        state = dict(super().__getstate__())
        state.pop("_opened", None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "encoders_")


def _block(
    name: str, config: FeatureConfig, before: tuple[FeatureConfig, list[BaseFeatureExtractor]] | None
) -> BaseFeatureExtractor:
    """Return a block for new settings; the one of the old settings where its output stays, for it carries weights."""
    for block in before[1] if before else []:
        fields = (block.size_field, block.weights_field, *block.config_fields)
        if block.name == name and all(getattr(block.config, f) == getattr(config, f) for f in fields):
            return block.with_config(config)
    return registered(name)(config)


def _as_list(items: Iterable[Item]) -> Sequence[Item]:
    if isinstance(items, (str, bytes)):
        raise DataError("images must be given as a list of paths, bytes or arrays, got one: put it into a list")
    return list(items)
