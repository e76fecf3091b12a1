"""One line for every image that was judged: when, which, with what result, by which model, for whom."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ai_models.core.errors import ConfigError
from ai_models.core.logs import get_logger
from ai_models.serving.problems import Problem
from ai_models.serving.request_ids import current_request_id

__all__ = ["AuditTrail"]

_log = get_logger(__name__)
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class AuditTrail:
    """Adds lines of JSON to a file, or to the log where there is none.

    A line is written whole by one call to the system, so several processes may share the file; a file that was moved
    away (log rotation) is begun anew. An image whose line cannot be written is not answered.

    Parameters
    ----------
    path
        The file; empty for the log, at level INFO.

    Raises
    ------
    ConfigError
        When the file cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self._file = -1
        try:
            self._open()
        except OSError as error:
            raise ConfigError(
                [f"audit_file '{path}' cannot be written ({error.strerror or error}): check the path and its rights"]
            ) from error

    def judged(self, **fields: Any) -> None:
        """Write a line.

        Parameters
        ----------
        fields
            What is known of the image and the answer; the time and the request's name are added.

        Raises
        ------
        Problem
            When it cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "request_id": current_request_id(), **fields}
        if self._path is None:
            told = " ".join(f"{name}={value}" for name, value in fields.items())
            _log.info("judged %s", told, extra={"fields": {"event": "judged", **fields}})
            return
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            self._open()
            if os.write(self._file, data) < len(data):
                raise OSError("no space left")
        except OSError as error:
            _log.error("the audit trail '%s' cannot be written: %s", self._path, error)
            raise Problem(
                503, "not-audited", "the audit trail cannot be written, so nothing is answered: tell the operator",
                headers={"Retry-After": "10"},
            ) from error  # fmt: skip

    def _open(self) -> None:
        """Open the file unless the one that is open still stands at its place."""
        if self._path is None:
            return
        if self._file >= 0:
            try:
                here, there = os.fstat(self._file), os.stat(self._path)
            except FileNotFoundError:
                pass
            else:
                if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                    return
            os.close(self._file)
            self._file = -1
        self._file = os.open(self._path, _FLAGS, 0o600)
