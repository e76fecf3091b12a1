"""Where the processes that hold the model begin: ``main MODEL ROLE [SOCKET]``."""

from __future__ import annotations

import json
import sys

from ai_models.serving.logs import install
from ai_models.serving.settings import ServiceSettings
from ai_models.serving.workers.template import run_template
from ai_models.serving.workers.work import Program, run_alone

__all__ = ["main"]


def main() -> None:
    """Be a template on the socket whose number is the third argument, or a worker on its own without one."""
    what, role, *control = sys.argv[1:]
    install(ServiceSettings.from_environment().log_format)

    def load() -> Program:
        from ai_models.serving.workers.model import Model

        return Model.load(**json.loads(what))

    if control:
        run_template(load, int(control[0]))
    else:
        run_alone(load, role.encode("ascii"))
