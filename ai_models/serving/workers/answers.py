"""What is said of one image, as JSON and back: a prediction, or why there is none."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from ai_models.core.errors import ImageError
from ai_models.core.predictions import OodVerdict, Prediction, Reason

__all__ = ["Fault", "Judged", "from_json", "to_json"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the program in a worker, whose log describes it.

    Attributes
    ----------
    kind
        The name of the exception's class.
    """

    kind: str


Judged = Prediction | ImageError | Fault
"""What became of one image."""

_FIELDS = tuple(f.name for f in fields(Prediction))


def to_json(results: list[Judged]) -> bytes:
    """Return the results as JSON; numbers come back as they were, also those that are none."""
    return json.dumps([_plain(result) for result in results]).encode("ascii")


def from_json(data: bytes) -> list[Judged]:
    """Return the results that `to_json` wrote.

    Raises
    ------
    ValueError, TypeError, KeyError
        When it did not.
    """
    return [_result(plain) for plain in json.loads(data)]


def _plain(result: Judged) -> dict[str, Any]:
    if isinstance(result, Prediction):
        return {name: _value(getattr(result, name)) for name in _FIELDS}
    if isinstance(result, ImageError):
        return {"image_error": [str(result.verdict), result.detail]}
    return {"fault": result.kind}


def _value(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value


def _result(plain: dict[str, Any]) -> Judged:
    if "image_error" in plain:
        verdict, detail = plain["image_error"]
        return ImageError(str(verdict), str(detail))
    if "fault" in plain:
        return Fault(str(plain["fault"]))
    return Prediction(
        predicted_class=str(plain["predicted_class"]),
        confidence=float(plain["confidence"]),
        probabilities={str(name): float(p) for name, p in plain["probabilities"].items()},
        prediction_set=tuple(map(str, plain["prediction_set"])),
        ood_score=float(plain["ood_score"]),
        ood_p_value=float(plain["ood_p_value"]),
        verdict=OodVerdict(plain["verdict"]),
        reason=Reason(plain["reason"]),
        prediction_set_by_class=tuple(map(str, plain["prediction_set_by_class"])),
        detail=str(plain["detail"]),
    )
