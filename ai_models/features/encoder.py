"""Codebooks of local descriptors, fitted on training rows: VLAD (Jégou et al., CVPR 2010) and bag of words."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator
from ai_models.execution import single_threaded_libraries
from ai_models.features.base import Encoder, FloatArray

__all__ = ["BagOfWordsEncoder", "VladEncoder", "fit_codebook", "nearest_word"]

WORDS = 64
_SAMPLE = 40_000  # descriptors that a codebook is fitted on: enough for 64 words, and it bounds time and memory
_ROUNDS = 25


def nearest_word(rows: FloatArray, words: FloatArray) -> NDArray[np.intp]:
    """Return the index of the nearest word (Euclidean) of each row.

    Parameters
    ----------
    rows
        float32 (..., n, d).
    words
        float32 (k, d).

    Returns
    -------
    numpy.ndarray
        int (..., n); of equally near words the first.
    """
    distance = np.einsum("kd,kd->k", words, words) - 2 * (rows @ words.T)
    return np.asarray(np.argmin(distance, axis=-1))


def fit_codebook(rows: FloatArray, words: int, rng: np.random.Generator) -> FloatArray:
    """Return k-means centres (Lloyd's rounds from a k-means++ start).

    Parameters
    ----------
    rows
        float32 (n, d). With fewer distinct rows than words, some words are equal.
    words
        Number of centres.
    rng
        Chooses the start; the result is the same for any number of threads.

    Returns
    -------
    numpy.ndarray
        float32 (words, d).
    """
    centres = _spread_start(rows, words, rng)
    previous = None
    for _ in range(_ROUNDS):
        word = nearest_word(rows, centres)
        if previous is not None and np.array_equal(word, previous):
            break
        previous = word
        member = (word == np.arange(words)[:, None]).astype(np.float32)
        counts = member.sum(axis=1)
        filled = counts > 0
        centres[filled] = (member @ rows)[filled] / counts[filled, None]  # an empty word stays where it was
    return centres


def _spread_start(rows: FloatArray, words: int, rng: np.random.Generator) -> FloatArray:
    """Choose rows far from one another, with probability in the squared distance (Arthur and Vassilvitskii 2007)."""
    pool = rows[rng.permutation(len(rows))[: 50 * words]].astype(np.float64)
    chosen = [pool[0]]
    nearest = ((pool - chosen[0]) ** 2).sum(axis=1)
    for _ in range(words - 1):
        cumulative = np.cumsum(nearest)
        pick = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
        chosen.append(pool[min(pick, len(pool) - 1)])
        nearest = np.minimum(nearest, ((pool - chosen[-1]) ** 2).sum(axis=1))
    return np.stack(chosen).astype(np.float32)


def _sample(rows: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    if len(rows) <= _SAMPLE:
        return rows
    return rows[np.sort(rng.choice(len(rows), _SAMPLE, replace=False))]


class VladEncoder(Encoder):
    """Vector of locally aggregated descriptors over root-SIFT reduced by principal components.

    Root-SIFT is Arandjelović and Zisserman (CVPR 2012); residuals are normalised word by word (their "All about
    VLAD", CVPR 2013), then the signed square root is taken and the whole has length 1.

    Parameters
    ----------
    seed
        Of the sample and the start of the codebook.
    words
        Size of the codebook.
    components
        Dimensions that descriptors are reduced to.
    """

    def __init__(self, seed: int, words: int = WORDS, components: int = 64) -> None:
        self.seed = seed
        self.words = words
        self.components = components

    def fit(self, raw: NDArray[Any]) -> Self:
        """Fit mean, components and words on uint8 (n, points, 128)."""
        rng = generator(self.seed, "vlad codebook")
        rows = _root(_sample(raw.reshape(-1, raw.shape[-1]), rng))
        with single_threaded_libraries():
            self.mean_ = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
            centred = rows - self.mean_
            _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
            vectors = vectors[:, ::-1][:, : self.components]
            largest = np.abs(vectors).argmax(axis=0)  # an eigenvector's sign is arbitrary: fix it
            vectors = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
            self.projection_ = np.ascontiguousarray(vectors, dtype=np.float32)
            self.codebook_ = fit_codebook(centred @ self.projection_, self.words, rng)
        return self

    def transform(self, raw: NDArray[Any]) -> FloatArray:
        """Return float32 (n, words * components), each row of length 1 (or 0 for an image without any gradient)."""
        encoded = np.empty((len(raw), self.words * self.components), dtype=np.float32)
        with single_threaded_libraries():
            for row, descriptors in enumerate(raw):  # image by image: a row then never depends on its batch
                encoded[row] = self._encode(descriptors)
        return encoded

    def _encode(self, descriptors: NDArray[Any]) -> FloatArray:
        rows = (_root(descriptors) - self.mean_) @ self.projection_
        member = nearest_word(rows, self.codebook_)[None, :] == np.arange(self.words)[:, None]
        member &= descriptors.any(axis=1)  # a flat patch has no gradient and says nothing
        residual = member.astype(np.float32) @ rows - member.sum(axis=1, dtype=np.float32)[:, None] * self.codebook_
        residual = _unit(residual)
        return np.asarray(_unit((np.sign(residual) * np.sqrt(np.abs(residual))).reshape(1, -1))[0])

    def get_feature_names(self) -> list[str]:
        """Return one name a column."""
        return [f"word_{w}_component_{c}" for w in range(self.words) for c in range(self.components)]


class BagOfWordsEncoder(Encoder):
    """Histogram of the nearest words of binary descriptors (k-means on their bits), as square roots of shares.

    Parameters
    ----------
    seed
        Of the sample and the start of the codebook.
    words
        Size of the codebook.
    """

    def __init__(self, seed: int, words: int = WORDS) -> None:
        self.seed = seed
        self.words = words

    def fit(self, raw: NDArray[Any]) -> Self:
        """Fit words on uint8 (n, points, 33), the last column telling which rows are keypoints."""
        rng = generator(self.seed, "bag of words codebook")
        flat = raw.reshape(-1, raw.shape[-1])
        rows = _bits(_sample(flat[flat[:, -1] == 1], rng))
        if not len(rows):  # pictures without a single corner: every word is then the same and nothing is counted
            rows = np.zeros((1, 8 * (raw.shape[-1] - 1)), dtype=np.float32)
        with single_threaded_libraries():
            self.codebook_ = fit_codebook(rows, self.words, rng)
        return self

    def transform(self, raw: NDArray[Any]) -> FloatArray:
        """Return float32 (n, words), each row of length 1 (0 for an image without keypoints)."""
        encoded = np.zeros((len(raw), self.words), dtype=np.float32)
        with single_threaded_libraries():
            for row, descriptors in enumerate(raw):
                present = descriptors[:, -1] == 1
                word = nearest_word(_bits(descriptors), self.codebook_)[present]
                if len(word):
                    encoded[row] = np.sqrt(np.bincount(word, minlength=self.words) / len(word))
        return encoded

    def get_feature_names(self) -> list[str]:
        """Return one name a column."""
        return [f"word_{w}" for w in range(self.words)]


def _root(descriptors: NDArray[Any]) -> FloatArray:
    """Return root-SIFT: the square root of the descriptor divided by its sum; float32, same shape."""
    rows = descriptors.astype(np.float32)
    total = rows.sum(axis=-1, keepdims=True)
    return np.asarray(np.sqrt(rows / np.maximum(total, 1)), dtype=np.float32)


def _bits(descriptors: NDArray[np.uint8]) -> FloatArray:
    return np.unpackbits(descriptors[:, :-1], axis=1).astype(np.float32)


def _unit(rows: FloatArray) -> FloatArray:
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return np.asarray(rows / np.where(length > 0, length, 1), dtype=np.float32)
