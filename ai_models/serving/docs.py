"""The documentation at ``/docs``: one page made from the application's own description, with no other server in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ai_models.serving.page import SealedPage, sealed
from ai_models.serving.schemas import DISCLAIMER
from ai_models.serving.settings import ServiceSettings
from ai_models.serving.templating import render

__all__ = ["docs_page"]

_INFER = """(printf '{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["';
   base64 -w0 photograph.jpg; printf '"]}]}') |
  curl -s localhost:8000%s -H 'Content-Type: application/json' -d @-"""
_CALLS = {
    "/predict": """(printf '{"image_data": "'; base64 -w0 photograph.jpg; printf '"}') |
  curl -s localhost:8000/predict -H 'Content-Type: application/json' -d @-""",
    "/predict/batch": "curl -s localhost:8000/predict/batch -F files=@one.jpg -F files=@two.jpg",
    "/explain": "curl -s localhost:8000/explain -F file=@photograph.jpg",
    "/predict/file": "curl -s localhost:8000/predict/file -F file=@photograph.jpg -F confidence_threshold=0.7",
    "/health": "curl -s localhost:8000/health",
    "/metrics": "curl -s localhost:8000/metrics",
}


def docs_page(description: Mapping[str, Any], settings: ServiceSettings, classes: Sequence[str]) -> SealedPage:
    """Write the page.

    Parameters
    ----------
    description
        The application's OpenAPI document.
    settings
        Its limits.
    classes
        What the model knows.
    """
    schemas = description["components"]["schemas"]
    routes = [
        _route(path, method, operation, schemas)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    text = render(
        "docs.html",
        TITLE=escape(description["info"]["title"]),
        VERSION=escape(description["info"]["version"]),
        DESCRIPTION=escape(description["info"]["description"]),
        DISCLAIMER=escape(DISCLAIMER),
        CLASSES="".join(f"<li>{escape(name)}</li>" for name in classes),
        MAX_MB=f"{settings.max_bytes / 2**20:g}",
        MAX_PIXELS=f"{settings.max_pixels:,}",
        ROUTES="\n".join(routes),
        ERROR_FIELDS=_fields(schemas["ProblemDetails"], schemas, asked=False),
    )
    return sealed(text)


def _route(path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    parts = [
        f'<section id="{escape(operation["operationId"])}"><h2><span class="method">{escape(method.upper())}</span> '
        f"<code>{escape(path)}</code></h2>",
        f"<p><strong>{escape(operation['summary'])}.</strong> {_prose(operation.get('description', ''))}</p>",
        f"<pre>{escape(_call(path))}</pre>",
    ]
    asked = _schema(operation.get("requestBody", {}), schemas)
    given = _schema(operation["responses"]["200"], schemas)
    if asked:
        parts.append(f"<h3>Takes</h3>{_fields(asked, schemas, asked=True)}")
    if given:
        parts.append(f"<h3>Gives</h3>{_fields(given, schemas, asked=False)}")
    statuses = [
        f"<li><code>{escape(status)}</code> {_prose(answer['description'])}</li>"
        for status, answer in sorted(operation["responses"].items())
    ]
    parts.append(f"<h3>Statuses</h3><ul>{''.join(statuses)}</ul></section>")
    return "".join(parts)


def _call(path: str) -> str:
    if path.endswith("/infer"):
        return _INFER % path
    return _CALLS.get(path, f"curl -s localhost:8000{path}")


def _schema(body: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    for content in body.get("content", {}).values():
        found = _resolved(content.get("schema", {}), schemas)
        if "properties" in found:
            return found
    return {}


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = str(schema.get("$ref", ""))
    found: Mapping[str, Any] = schemas[reference.rsplit("/", 1)[-1]] if reference else schema
    return found


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any], *, asked: bool) -> str:
    required = schema.get("required", ())
    rows = []
    for name, field in schema["properties"].items():
        cells = [f"<code>{escape(name)}</code>", escape(_kind(field, schemas)), _prose(field.get("description", ""))]
        if asked:
            cells.append("required" if name in required else escape(json.dumps(field.get("default"))))
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in ("field", "type", "meaning", *(["default"] if asked else [])))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _prose(text: str) -> str:
    """Return text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _kind(field: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(choice, schemas) for choice in field["anyOf"])
    if "const" in field:
        return json.dumps(field["const"])
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}), schemas)}"
    if field.get("format") == "binary" or "contentMediaType" in field:
        return "file"
    return str(_resolved(field, schemas).get("type", ""))
