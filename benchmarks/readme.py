"""Run the commands that README.md shows and put what they print beneath them, so that the output shown is real.

    python benchmarks/readme.py [--check]

Every ``console`` block is run, in order, in one empty folder; a line that begins with ``$`` is a command (up to the
end of its here-document), the lines below it are what it prints on standard output. Where these begin with ``...``
only the end is shown, as many lines as before. With --check nothing is written; exit status 1 when a command fails.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
ELIDED = "..."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="run everything, write nothing")
    check = parser.parse_args().check
    text, failed = README.read_text(encoding="utf-8"), []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "benchmarks").symlink_to(ROOT / "benchmarks")

        def rerun(match: re.Match[str]) -> str:
            return "\n".join(line for one in commands(match[0]) for line in shown(*one, Path(folder), failed)) + "\n"

        fresh = BLOCK.sub(rerun, text)
    for command in failed:
        print(f"failed: {command}", file=sys.stderr)
    if not failed and not check:
        README.write_text(fresh, encoding="utf-8")
    return 1 if failed else 0


def commands(block: str) -> list[tuple[str, list[str]]]:
    """Return each command of a block with the output that stands there now."""
    found: list[tuple[str, list[str]]] = []
    end = ""
    for line in block.rstrip("\n").split("\n"):
        if end:
            command, output = found[-1]
            found[-1] = (f"{command}\n{line}", output)
            end = "" if line == end else end
        elif line.startswith("$ "):
            found.append((line[2:], []))
            here = re.search(r"<<'?(\w+)'?$", line)
            end = here[1] if here else ""
        else:
            found[-1][1].append(line)
    return found


def shown(command: str, before: list[str], folder: Path, failed: list[str]) -> list[str]:
    """Run a command, and return it with what it prints."""
    print(f"$ {command}", flush=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    typed = "python benchmarks/demo.py --output-dir .demo" if command == "make demo" else command
    done = subprocess.run(
        typed, shell=True, cwd=folder, env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        failed.append(command)
    lines = done.stdout.rstrip("\n").split("\n")
    if before[:1] == [ELIDED]:
        lines = [ELIDED, *lines[-(len(before) - 1) :]]
    return [f"$ {command}", *(lines if lines != [""] else [])]


if __name__ == "__main__":
    sys.exit(main())
