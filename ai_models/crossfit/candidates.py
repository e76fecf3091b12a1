"""Which members are tried: kinds of classifiers on views of the feature blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ai_models.core.settings import is_embedding, network_of
from ai_models.ensemble.members import MemberSpec

__all__ = ["candidate_specs", "plain_spec"]

_TOGETHER = (("lbp", "colour"),)
"""Blocks that are too small to stand alone and share a view."""
_COMPONENTS = (128, 128, 32, 16)
"""Leading components a block that SVM, LDA, forest and boosting see."""
_STRENGTHS = (100.0, 300.0)
"""C of the logistic regressions; the first is that of the plain baseline."""
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
        One strength of the logistic regressions.
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
        specs += [MemberSpec("logistic", view, linear, (("C", c),)) for c in _STRENGTHS[: 1 if quick else None]]
        specs += [MemberSpec("svm", view, svm, (("C", 10.0),)), MemberSpec("lda", view, lda)]
        specs.append(MemberSpec("prototype", view))
    specs += [MemberSpec("forest", v, forest) for v in views if v == whole or v in _TOGETHER]
    specs.append(MemberSpec("boosting", whole, boosting))
    specs += [MemberSpec(kind, view) for kind in custom for view in dict.fromkeys((views[0], whole))]
    return tuple(specs)


def plain_spec(specs: Iterable[MemberSpec]) -> MemberSpec:
    """Return the plain baseline: logistic regression on all embeddings as they come (or on the only view)."""
    logistic = [s for s in specs if s.kind == "logistic" and dict(s.params)["C"] == _STRENGTHS[0]]
    networks = tuple(dict.fromkeys(name for s in logistic for name in s.blocks if is_embedding(name)))
    return next((s for s in logistic if s.blocks == networks), logistic[-1])


def _views(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield each block alone, the embeddings together, what completes them or the stages, and last all of them."""
    joined = [pair for pair in _TOGETHER if set(pair) <= set(names)]
    taken = {name for pair in joined for name in pair}
    embeddings = tuple(name for name in names if is_embedding(name))
    stages = tuple(name for name in names if network_of(name) and not is_embedding(name))
    local = tuple(name for name in ("sift",) if name in names)
    pairs = [embeddings, (*embeddings, *stages)] if embeddings else []
    pairs += [(*seen, *local) for seen in (embeddings, stages) if seen and local]
    views = [*((n,) for n in names if n not in taken), *joined, *pairs]
    yield from (view for view in dict.fromkeys(views) if set(view) != set(names))
    yield names
