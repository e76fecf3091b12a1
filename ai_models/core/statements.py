"""What a user wants to claim of a model, as text: ``balanced_accuracy > 0.9``, ``f1 > 0.85 in every class``."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

__all__ = ["CLASS_FIGURES", "FOLDER_FIGURES", "MODEL_FIGURES", "Statement", "parse_statement"]

MODEL_FIGURES = (
    "nll", "brier", "brier_reliability", "brier_resolution", "accuracy", "balanced_accuracy", "f1_macro", "f1_weighted",
    "top3_accuracy", "ece", "rms_calibration_error", "set_coverage", "set_coverage_by_class", "set_size",
    "false_alarms", "called_unsure", "called_in_domain", "model_mb",
)  # fmt: skip
"""What is claimed of a model on the photographs scored."""
CLASS_FIGURES = ("precision", "recall", "f1")
"""What is claimed ``in every class`` or ``in class NAME``."""
FOLDER_FIGURES = ("auroc", "fpr_at_tpr95", "called_ood", "taken_for_known")
"""What is claimed ``on FOLDER``, a folder of foreign images."""

_FORM = re.compile(
    r"(?P<figure>\S+?)\s*(?P<sign>[<>])\s*(?P<number>\d*\.?\d+)(?P<percent>\s*%)?"
    r"(?:\s+(?:(?P<every>in every class)|in class (?P<in_class>.+)|on (?P<folder>.+)))?"
)
_EXAMPLES = "'ece < 0.05', 'recall > 80% in class NAME', 'f1 > 0.85 in every class' or 'auroc > 0.9 on FOLDER'"


@dataclass(frozen=True, slots=True)
class Statement:
    """A figure and the bar that it is said to clear.

    Attributes
    ----------
    figure
        One of the names above.
    above
        Whether it is to lie above the bar, or below.
    bar
        The number.
    every_class
        Whether it is said of each class.
    name
        The class or the folder that it is said of, else empty.
    """

    figure: str
    above: bool
    bar: float
    every_class: bool = False
    name: str = ""

    def __str__(self) -> str:
        where = " in every class" if self.every_class else ""
        if self.name:
            where = f" {'in class' if self.figure in CLASS_FIGURES else 'on'} {self.name}"
        return f"{self.figure} {'>' if self.above else '<'} {self.bar:g}{where}"


def parse_statement(text: str) -> Statement:
    """Read a claim.

    Parameters
    ----------
    text
        ``FIGURE > NUMBER`` or ``FIGURE < NUMBER`` (``80%`` is .8); of a figure by class followed by ``in every class``
        or ``in class NAME``, of a figure on foreign images by ``on FOLDER``.

    Raises
    ------
    ValueError
        With a clause that says what was expected.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"claim '{text}' cannot be read: write it like {_EXAMPLES}")
    figure, name = found["figure"], (found["in_class"] or found["folder"] or "").strip()
    every = found["every"] is not None
    known = (*MODEL_FIGURES, *CLASS_FIGURES, *FOLDER_FIGURES)
    if figure not in known:
        near = difflib.get_close_matches(figure.lower().replace("-", "_"), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
        raise ValueError(f"claim '{text}' is of an unknown figure '{figure}': {hint}")
    if figure in CLASS_FIGURES and not (every or found["in_class"]):
        raise ValueError(f"claim '{text}' says of no class: add 'in every class' or 'in class NAME'")
    if figure in FOLDER_FIGURES and not found["folder"]:
        raise ValueError(f"claim '{text}' says of no folder: add 'on NAME', the name of a folder given by --ood-dir")
    if figure in MODEL_FIGURES and (every or name):
        raise ValueError(f"claim '{text}': {figure} is of all photographs: leave out what follows the number")
    if (figure in CLASS_FIGURES and found["folder"]) or (figure in FOLDER_FIGURES and (every or found["in_class"])):
        raise ValueError(f"claim '{text}' cannot be read: write it like {_EXAMPLES}")
    bar = float(found["number"]) / (100 if found["percent"] else 1)
    return Statement(figure, found["sign"] == ">", bar, every, name)
