"""A program of the workers that does what the bytes of an image tell it to; started as real ones are."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from typing import Any

from ai_models.core.errors import BundleError, ImageError
from ai_models.core.predictions import OodVerdict, Prediction
from ai_models.serving.workers.answers import Fault, Judged, to_json
from ai_models.serving.workers.template import run_template
from ai_models.serving.workers.wire import PREDICT, Message
from ai_models.serving.workers.work import run_alone


class Obedient:
    """Says its number as the confidence's detail."""

    def __init__(self, what: dict[str, Any]) -> None:
        if what.get("broken"):
            raise BundleError("the model is broken: mend it")
        if what.get("crashes"):
            os._exit(9)
        self.version = str(what.get("version", "1"))
        self.prepared = 0

    def about(self) -> dict[str, Any]:
        return {"version": self.version, "classes": ["a", "b"]}

    def prepare(self, role: bytes) -> None:
        self.prepared += 1

    def answer(self, message: Message) -> list[bytes]:
        if message.kind != PREDICT:
            said = {"content": {"bytes": len(message.parts[0])}}
            return [json.dumps(said).encode(), b"picture"]
        return [to_json([self._done(data, len(message.parts)) for data in message.parts])]

    def _done(self, data: bytes, together: int) -> Judged:
        order, _, argument = data.decode("utf-8", "replace").partition(" ")
        if order == "sleep":
            time.sleep(float(argument))
        elif order == "exit":
            os._exit(int(argument))
        elif order == "segfault":
            ctypes.string_at(0)
        elif order == "print":
            os.write(1, b"a library talks")
        elif order == "fault":
            return Fault("RuntimeError")
        elif order == "unreadable":
            return ImageError("corrupt", "as it was told")
        detail = f"{os.getpid()} {together} {self.prepared} {len(data)}"
        return Prediction("a", 0.8, {"a": 0.8, "b": 0.2}, ("a",), 0.1, 0.9, OodVerdict.IN_DOMAIN, detail=detail)


def main() -> None:
    what, role, *control = sys.argv[1:]
    if control:
        run_template(lambda: Obedient(json.loads(what)), int(control[0]))
    else:
        run_alone(lambda: Obedient(json.loads(what)), role.encode())
