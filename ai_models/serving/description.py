"""The OpenAPI document, completed by what FastAPI does not know: media types of errors, keys, bodies of two kinds."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ai_models.serving.admission.guard import SCOPE
from ai_models.serving.problems import MEDIA_TYPE
from ai_models.serving.schemas import BatchForm, BatchRequest, ProblemDetails

__all__ = ["described"]

_BESIDE: tuple[type[BaseModel], ...] = (BatchForm, BatchRequest)
"""Models that no route declares, for it reads its body itself."""
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "`X-API-Key: KEY`"},
}
_PROBLEM = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}


def described(description: dict[str, Any], *, asks_for_keys: bool) -> dict[str, Any]:
    """Complete the document.

    Parameters
    ----------
    description
        As FastAPI makes it; changed.
    asks_for_keys
        Whether a key is asked for; otherwise it may be left out.
    """
    components = description["components"]
    components["securitySchemes"] = _SCHEMES
    _, definitions = models_json_schema(
        [(model, "validation") for model in _BESIDE], ref_template="#/components/schemas/{model}"
    )
    components["schemas"].update(definitions["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for methods in description["paths"].values():
        for operation in methods.values():
            scope = operation.pop(SCOPE, None)
            if scope:
                operation["security"] = [{name: []} for name in _SCHEMES] + ([] if asks_for_keys else [{}])
                operation["description"] = f"{operation.get('description', '')}\n\nScope of the key: `{scope}`.".strip()
            _complete(operation["responses"])
    return description


def _complete(responses: dict[str, Any]) -> None:
    """Give errors the media type and the schema that they are sent with."""
    for status, answer in responses.items():
        content = answer.get("content", {}).get("application/json")
        if int(status) < 400 or content is None:
            continue
        if content["schema"] == _PROBLEM or "HTTPValidationError" in str(content["schema"]):
            answer["content"] = {MEDIA_TYPE: {"schema": _PROBLEM}}
