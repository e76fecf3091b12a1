"""The documentation at ``/docs``: one page made from the application's own description, with no other server in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ai_models.serving.settings import ServiceSettings
from ai_models.serving.templating import render

__all__ = ["DocsPage", "docs_page"]

_CALLS = {
    "/predict": """curl -s localhost:8000/predict -H 'Content-Type: application/json' \\
  -d "{\\"image_data\\": \\"$(base64 -w0 photograph.jpg)\\"}\"""",
    "/predict/file": "curl -s localhost:8000/predict/file -F file=@photograph.jpg -F confidence_threshold=0.7",
    "/health": "curl -s localhost:8000/health",
    "/metrics": "curl -s localhost:8000/metrics",
}


@dataclass(frozen=True)
class DocsPage:
    """The page and the content security policy under which it works."""

    text: str
    policy: str


def docs_page(description: Mapping[str, Any], settings: ServiceSettings, classes: Sequence[str]) -> DocsPage:
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
        CLASSES="".join(f"<li>{escape(name)}</li>" for name in classes),
        MAX_MB=f"{settings.max_bytes / 2**20:g}",
        MAX_PIXELS=f"{settings.max_pixels:,}",
        ROUTES="\n".join(routes),
        ERROR_FIELDS=_fields(schemas["ProblemDetails"], schemas),
    )
    return DocsPage(text, _policy(text))


def _policy(text: str) -> str:
    """Return the policy that allows the page's own script and style, by their hashes, and nothing else."""
    script, style = (re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("script", "style"))
    assert script is not None
    assert style is not None
    return (
        f"default-src 'none'; script-src {_hashed(script[1])}; style-src {_hashed(style[1])}; "
        "connect-src 'self'; img-src blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


def _hashed(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _route(path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    parts = [
        f'<section id="{escape(operation["operationId"])}"><h2><span class="method">{escape(method.upper())}</span> '
        f"<code>{escape(path)}</code></h2>",
        f"<p><strong>{escape(operation['summary'])}.</strong> {escape(operation.get('description', ''))}</p>",
        f"<pre>{escape(_CALLS.get(path, ''))}</pre>",
    ]
    asked = _schema(operation.get("requestBody", {}), schemas)
    given = _schema(operation["responses"]["200"], schemas)
    if asked:
        parts.append(f"<h3>Takes</h3>{_fields(asked, schemas)}")
    if given:
        parts.append(f"<h3>Gives</h3>{_fields(given, schemas)}")
    statuses = [
        f"<li><code>{escape(status)}</code> {escape(answer['description'])}</li>"
        for status, answer in operation["responses"].items()
    ]
    parts.append(f"<h3>Statuses</h3><ul>{''.join(statuses)}</ul></section>")
    return "".join(parts)


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


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = []
    for name, field in schema["properties"].items():
        default = json.dumps(field["default"], ensure_ascii=False) if field.get("default") is not None else ""
        note = "required" if name in required and "default" not in field else default
        rows.append(
            f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(field, schemas))}</td>"
            f"<td>{escape(field.get('description', ''))}</td><td>{escape(note)}</td></tr>"
        )
    head = "<tr><th>field</th><th>type</th><th>meaning</th><th>default</th></tr>"
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


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
