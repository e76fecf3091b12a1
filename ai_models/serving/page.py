"""The page at ``/``: a person drops a photograph and sees what the model says of it. It needs no other server."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from html import escape
from importlib import resources

from ai_models._version import __version__
from ai_models.serving.schemas import DISCLAIMER
from ai_models.serving.settings import ServiceSettings
from ai_models.serving.templating import render

__all__ = ["SealedPage", "main_page", "sealed"]


@dataclass(frozen=True)
class SealedPage:
    """A page and the content security policy under which it works."""

    text: str
    policy: str


def main_page(settings: ServiceSettings, *, asks_for_keys: bool) -> SealedPage:
    """Write the page.

    Parameters
    ----------
    settings
        Its limits.
    asks_for_keys
        Whether to show a field for a key from the first.
    """
    thai, english = DISCLAIMER.split(" / ")
    folder = resources.files("ai_models.serving").joinpath("templates")
    return sealed(
        render(
            "page.html",
            MAX_BYTES=str(settings.max_bytes),
            KEYS="true" if asks_for_keys else "false",
            DISCLAIMER_TH=escape(thai),
            DISCLAIMER_EN=escape(english),
            VERSION=escape(__version__),
            SCRIPT=folder.joinpath("page.js").read_text(encoding="utf-8").strip(),
        )
    )


def sealed(text: str) -> SealedPage:
    """Return a page with the policy that allows its own script and style, by their hashes, and nothing else."""
    script, style = (re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("script", "style"))
    assert script is not None
    assert style is not None
    return SealedPage(
        text,
        f"default-src 'none'; script-src {_hashed(script[1])}; style-src {_hashed(style[1])}; "
        "connect-src 'self'; img-src blob: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    )


def _hashed(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
