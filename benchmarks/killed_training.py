"""A training that ends itself by SIGKILL at a chosen moment: a real crash that can be repeated.

    python benchmarks/killed_training.py WRITES BEFORE ARGUMENTS...

runs ``amulet-ai ARGUMENTS`` and kills it at the WRITES-th file that it puts under its final name (its workers' files
are not counted): just before that (BEFORE = 1; the file lies there half named) or just after it (0). WRITES = 0: never.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    writes, before = int(sys.argv[1]), sys.argv[2] == "1"
    sys.argv[1:] = sys.argv[3:]
    kill_at_write(writes, before=before)
    from ai_models.cli import main as command

    command()


def kill_at_write(writes: int, *, before: bool) -> None:
    """Let this process kill itself when it renames a file for the n-th time, just before or just after; 0: never."""
    left = [writes]
    through = os.replace

    def counted(source: Any, target: Any, **named: Any) -> None:
        left[0] -= 1
        if left[0] == 0 and before:
            os.kill(os.getpid(), signal.SIGKILL)
        through(source, target, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = counted


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])
    main()
