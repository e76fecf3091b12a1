"""What a machine needs that only predicts: the base install in an environment of its own, its size, its start.

    python benchmarks/base_install.py --model DIR [--model DIR ...]
    python benchmarks/base_install.py --table

Installs this checkout without extras into a new environment, from the index that pip is set up for. Tells what lies in
it, without pip itself, and starts it several times: seconds from the start of the import to the loaded model, and which
packages were imported for that and for one prediction. Of each model directory, the size too. Writes
``benchmarks/results/base_install.json`` and, from it, the table of ``docs/export.md``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS, DOCS = HERE / "results" / "base_install.json", HERE.parent / "docs" / "export.md"
START, END = "<!-- figures: benchmarks/base_install.py --table -->", "<!-- end of figures -->"
NOT_OURS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")
"""What a new environment brings itself."""
SOURCES = ("ai_models", "requirements", "pyproject.toml", "setup.cfg", "README.md", "LICENSE")
PROBE = """
import json, resource, sys, time
start, busy = time.perf_counter(), time.process_time()
from ai_models.artifacts import load_model, read_golden
model = load_model(sys.argv[1])
seconds, busy = time.perf_counter() - start, time.process_time() - busy
golden = read_golden(sys.argv[1])
fault = golden.fault(model.predict_batch(list(golden.images)))
modules = sorted({name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", "")})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "busy": busy, "fault": fault, "modules": modules, "peak_mb": peak / 1024}))
"""
"""What runs in the environment: import, load, the golden pictures."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", default=[], help="model directory, loaded and measured")
    parser.add_argument("--starts", type=int, default=8, help="times that each model is loaded in a new process")
    parser.add_argument("--table", action="store_true", help="only write the table")
    given = parser.parse_args()
    if not given.model and not given.table:
        parser.error("give --model DIR to measure, or --table to write what was measured")
    if given.model:
        with tempfile.TemporaryDirectory() as place:
            RESULTS.write_text(json.dumps(measured(Path(place), given.model, given.starts), indent=1) + "\n", "utf-8")
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    head, _, rest = DOCS.read_text(encoding="utf-8").partition(START)
    DOCS.write_text(f"{head}{START}\n\n{table(found)}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def measured(place: Path, models: list[Path], starts: int) -> dict[str, Any]:
    """Return every figure; the environment is made in `place`."""
    start = time.perf_counter()
    python = installed(place)
    seconds = time.perf_counter() - start
    packages = sizes(site_packages(python))
    loaded = {}
    for model in models:
        found = [started(python, model) for _ in range(starts)]
        taken = sorted(run["seconds"] for run in found[1:])
        files = {path.name: path.stat().st_size for path in model.iterdir() if path.is_file()}
        loaded[model.name] = {
            "seconds": round(taken[0], 2),
            "median": round(taken[len(taken) // 2], 2),
            "busy": round(sorted(run["busy"] for run in found[1:])[len(taken) // 2], 2),
            "first": round(found[0]["seconds"], 2),
            "peak_mb": round(max(run["peak_mb"] for run in found)),
            "fault": found[0]["fault"],
            "packages": [
                name for name in found[0]["modules"] if name not in sys.stdlib_module_names and name[0] != "_"
            ],
            "mb": round(sum(files.values()) / 1e6, 1),
        }
    largest = dict(sorted(packages.items(), key=lambda item: -item[1])[:8])
    return {
        "install_seconds": round(seconds, 1),
        "mb": round(sum(packages.values()) / 1e6, 1),
        "largest_mb": {name: round(size / 1e6, 1) for name, size in largest.items()},
        "models": loaded,
    }


def installed(place: Path) -> Path:
    """Make an environment in a folder, install this checkout into it without extras, and return its Python."""
    sources, environment = place / "sources", place / "environment"
    sources.mkdir(parents=True)
    for name in SOURCES:  # a copy: building leaves things behind
        path = HERE.parent / name
        if path.is_dir():
            shutil.copytree(path, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, sources / name)
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    call = [python, "-m", "pip", "install", "--quiet", sources]
    subprocess.run(call, check=True, cwd=place, capture_output=True, text=True)
    return python


def site_packages(python: Path) -> Path:
    """Return where an environment's packages lie."""
    program = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip())


def sizes(packages: Path) -> dict[str, int]:
    """Return the bytes on disk of what lies in a folder of packages, by name, without pip and its like."""
    found = {}
    for entry in packages.iterdir():
        name = entry.name.partition("-")[0]
        if name in NOT_OURS or entry.name in NOT_OURS:
            continue
        files = [entry] if entry.is_file() else [path for path in entry.rglob("*") if path.is_file()]
        found[entry.name] = sum(-(-path.stat().st_size // 4096) * 4096 for path in files)
    return found


def started(python: Path, model: Path) -> dict[str, Any]:
    """Return what `PROBE` tells of a model in a new process of an environment."""
    call = [python, "-I", "-c", PROBE, model.resolve()]
    out = subprocess.run(call, capture_output=True, text=True, check=True, cwd=model).stdout
    return dict(json.loads(out))


def table(found: dict[str, Any]) -> str:
    """Return the figures in Markdown."""
    largest = ", ".join(f"{name} {size:.0f}" for name, size in found["largest_mb"].items())
    lines = [
        f"The base install takes **{found['mb']:.0f} MB** on disk, compiled.",
        f"Largest: {largest}.",
        "",
        "| model | model directory, MB | import and load, s | median | of the processor | the first time | peak, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in found["models"].items():
        taken = f"{row['seconds']:.2f} | {row['median']:.2f} | {row['busy']:.2f} | {row['first']:.2f}"
        lines.append(f"| {name} | {row['mb']:.0f} | {taken} | {row['peak_mb']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
