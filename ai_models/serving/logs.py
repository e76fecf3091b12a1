"""The service's log: lines for people, or one JSON object a line; of a request its name, and nothing that it holds."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from ai_models.core import logs
from ai_models.serving.request_ids import current_request_id

__all__ = ["JsonLines", "Lines", "install"]


def install(log_format: str) -> None:
    """Give the package's and the server's log one form, and switch off the server's own line for each request.

    Parameters
    ----------
    log_format
        ``"text"`` or ``"json"``.
    """
    package, server = logging.getLogger("ai_models"), logging.getLogger("uvicorn")
    if not package.handlers:
        logs.configure()
    for handler in package.handlers:
        handler.setFormatter(JsonLines() if log_format == "json" else Lines())
    server.handlers, server.propagate = package.handlers, False
    logging.captureWarnings(True)
    warned = logging.getLogger("py.warnings")
    warned.handlers, warned.propagate = package.handlers, False
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # a line for every odd form, past all handlers
    access = logging.getLogger("uvicorn.access")  # it holds addresses and whatever a client wrote into the path
    access.handlers, access.propagate = [], False


class Lines(logging.Formatter):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        request = current_request_id()
        return super().formatMessage(record) + (f" [{request}]" if request else "")

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return _told(ei[1])


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and the fields of what is told."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := current_request_id():
            line["request_id"] = request
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1]:
            line["exception"] = _told(record.exc_info[1])
        return json.dumps(line, default=str)


def _told(error: BaseException | None) -> str:
    """Return where an error happened and of which kind it is.

    Its text is told only where the system or this package wrote it: a library's may repeat what a client sent.
    """
    parts: list[str] = []
    while error is not None:
        kind = type(error)
        own = isinstance(error, OSError) or kind.__module__.startswith("ai_models.")
        said = f": {getattr(error, 'strerror', None) or error}" if own else ""
        parts.append("".join(traceback.format_tb(error.__traceback__)) + f"{kind.__module__}.{kind.__qualname__}{said}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\ncaused by\n".join(parts)
