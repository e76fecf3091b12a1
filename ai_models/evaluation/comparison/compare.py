"""Two models -> which is better on the photographs that both judged, as figures and a page."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ai_models.artifacts import Trust
from ai_models.core.config import canonical_json
from ai_models.core.counts import photographs_of, plural
from ai_models.core.paths import prepare_output_dir, write_bytes
from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation.comparison.differences import FIGURES, differences
from ai_models.evaluation.comparison.shared import Shared, shared_rows
from ai_models.evaluation.comparison.sides import HOW, Side, read_side
from ai_models.evaluation.figures import LEVEL, draws_of, interval

__all__ = ["Comparison", "answer", "compare", "compare_models"]

_TOLD = {
    "nll": ("log loss", "nats of log loss"),
    "brier": ("Brier score", "of the Brier score"),
    "accuracy": ("accuracy", "of accuracy"),
    "balanced_accuracy": ("balanced accuracy", "of balanced accuracy"),
}


@dataclass(frozen=True)
class Comparison:
    """What was found of two models.

    Attributes
    ----------
    rows
        The photographs that both judged.
    found
        Content of ``comparison.json``.
    """

    rows: Shared
    found: dict[str, Any]


def compare(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    config: EvaluationConfig | None = None,
    *,
    trust: Trust | None = None,
) -> Comparison:
    """Return the paired differences of two models without writing anything; see `compare_models`."""
    config = config or EvaluationConfig()
    side_a, side_b = _named(*(read_side(place, workers=config.workers, trust=trust) for place in (a, b)))
    rows = shared_rows(side_a, side_b)
    figures = differences(rows, draws=draws_of(config), seed=config.seed)
    objects = len(set(rows.groups.tolist()))
    found: dict[str, Any] = {
        "level": LEVEL,
        "bootstrap_draws": draws_of(config),
        "seed": config.seed,
        "a": {"name": side_a.name, "judged": HOW[side_a.kind], "only_here": rows.only_a},
        "b": {"name": side_b.name, "judged": HOW[side_b.kind], "only_here": rows.only_b},
        "images": len(rows.y),
        "groups": objects,
        "classes": list(rows.classes),
        "figures": {name: figures[name] for name in FIGURES},
        "wins": figures["wins"],
    }
    found["answers"] = {name: answer(found, name) for name in FIGURES}
    return Comparison(rows, found)


def compare_models(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    config: EvaluationConfig | None = None,
    *,
    overwrite: bool = False,
    trust: Trust | None = None,
) -> Path:
    """Compare two models photograph by photograph and write ``comparison.json comparison.html``.

    Parameters
    ----------
    a, b
        Each a model directory (its held-out photographs count; for a model fitted on every row its training
        photographs, out of fold), the folder of an evaluation, or a ``predictions.csv`` of one.
    output_dir
        A new or empty folder.
    config
        Draws, seed, workers; defaults where None.
    overwrite
        Whether an earlier result in `output_dir` may be replaced.
    trust
        What a model must show before it is opened; by default what the user has set.

    Returns
    -------
    pathlib.Path
        ``comparison.html``.

    Raises
    ------
    AmuletError
        When the two know other classes or share no photograph that neither was fitted on.
    """
    from ai_models.evaluation.comparison.report import write_report

    output = prepare_output_dir(output_dir, ours="comparison.html", overwrite=overwrite)
    made = compare(a, b, config, trust=trust)
    text = json.dumps(json.loads(canonical_json(made.found)), indent=2, sort_keys=True, ensure_ascii=False)
    write_bytes(output / "comparison.json", f"{text}\n".encode())
    return write_report(made, output / "comparison.html")


def answer(found: dict[str, Any], name: str) -> str:
    """Return in a sentence what the photographs say of one figure.

    A difference is called seen where the sign-flip test and the interval agree that there is one.
    """
    figure, n = found["figures"][name], found["groups"]
    better, (what, unit) = interval(figure["a_better_by"]), _TOLD[name]
    who = found["a"]["name"]
    if better.estimate < 0:
        who = found["b"]["name"]
        better = better._replace(estimate=-better.estimate, low=-better.high, high=-better.low)
    test = f"p = {figure['p']:.2g}, {photographs_of(found['images'], n)}"
    if figure["p"] <= 1 - LEVEL and better.low > 0:
        return f"{who} is better by {better} {unit} ({test})"
    if better.estimate == better.low == better.high == 0:
        return f"no difference in {what}: the two are alike on every one of {plural(n, 'object')}"
    needed = figure["detectable"]
    return f"no difference in {what} can be seen with {plural(n, 'object')}: {better} in favour of {who} ({test})" + (
        "" if needed is None else f"; about {needed:.2g} would have been needed (to be seen 4 times in 5)"
    )


def _named(a: Side, b: Side) -> tuple[Side, Side]:
    """Tell two sides of one name apart."""
    if a.name != b.name:
        return a, b
    return replace(a, name=f"{a.name} (A)"), replace(b, name=f"{b.name} (B)")
