"""Which members are tried: kinds of classifiers on views of the feature blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from ai_models.core.settings import is_embedding
from ai_models.ensemble.members import MemberSpec

__all__ = ["baseline_specs", "candidate_specs"]

T = TypeVar("T")

_TOGETHER = (("lbp", "colour"),)
"""Blocks that are too small to stand alone and share a view."""
_WITH_EMBEDDING = ("hog", "sift")
"""Blocks that each share a view with all embeddings."""
_COMPONENTS = (128, 128, 32, 16)
"""Leading components a block that SVM, LDA, forest and boosting see."""
_MANY = 256
"""Leading components a block where several blocks together would be more columns than pay."""


def candidate_specs(
    blocks: Iterable[str], *, quick: bool = False, reduced: bool = True, custom: Iterable[str] = ()
) -> tuple[MemberSpec, ...]:
    """Return every member that may vote.

    Parameters
    ----------
    blocks
        Names of the feature blocks.
    quick
        Half the search: one setting a family.
    reduced
        Whether columns are principal components, of which some members take the leading ones; else they take all.
    custom
        Members of your own, as ``module:factory`` (see `ai_models.ensemble.members.build`).
    """
    svm, lda, forest, boosting = (n if reduced else 0 for n in _COMPONENTS)
    names = tuple(blocks)
    views = list(_views(names))
    whole = views[-1]
    specs: list[MemberSpec] = []
    for view in views:
        linear = _MANY if reduced and len(view) > 2 else 0
        specs += [MemberSpec("logistic", view, linear, (("C", c),)) for c in _halved((100.0, 30.0, 300.0), quick)]
        specs += [MemberSpec("svm", view, svm, (("C", c),)) for c in _halved((10.0, 1.0), quick)]
        specs += [MemberSpec("lda", view, n) for n in _halved((lda, _MANY) if reduced else (0,), quick)]
    specs += [MemberSpec("forest", v, forest) for v in views if v == whole or v in _TOGETHER]
    specs.append(MemberSpec("boosting", whole, boosting))
    specs += [MemberSpec(kind, view) for kind in custom for view in dict.fromkeys((views[0], whole))]
    return tuple(specs)


def baseline_specs(specs: Iterable[MemberSpec]) -> tuple[MemberSpec, ...]:
    """Return the settings of the plain baseline: logistic regression on all embeddings (or on the only view)."""
    logistic = [s for s in specs if s.kind == "logistic"]
    networks = tuple(dict.fromkeys(name for s in logistic for name in s.blocks if is_embedding(name)))
    first = next((s.blocks for s in logistic if s.blocks == networks), logistic[-1].blocks)
    return tuple(s for s in logistic if s.blocks == first)


def _views(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    joined = [pair for pair in _TOGETHER if set(pair) <= set(names)]
    taken = {name for pair in joined for name in pair}
    seen = []
    for view in [*((n,) for n in names if n not in taken), *joined]:
        seen.append(view)
        yield view
    networks = tuple(name for name in names if is_embedding(name))
    if len(networks) > 1:
        seen.append(networks)
        yield networks
    for other in _WITH_EMBEDDING:
        if networks and {*networks, other} < set(names):
            yield (*networks, other)
    if names not in seen:
        yield names


def _halved(values: tuple[T, ...], quick: bool) -> tuple[T, ...]:
    return values[:1] if quick else values
