"""Files that mean harm, through all four ways in: one typed verdict each, the same by all, in time and memory.

    python benchmarks/hostile.py FOLDER

FOLDER may hold anything; `make hostile-images` fetches Pillow's own test images. Inspector, augmenter, extractor and
predict take each file in one child process, started anew where a file ends it; time is the processor's, memory the
growth of the resident set at its highest (from /proc, so on Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_models.artifacts import load_model
from ai_models.augmentation.copying import ParentTask, make_copies
from ai_models.core.images import Verdict
from ai_models.core.predictions import Predictions
from ai_models.core.records import ImageRecord, Split
from ai_models.core.settings import AugmentationConfig, InspectionConfig
from ai_models.inspection.files import Question, look
from ai_models.inspection.known_files import KnownFiles
from ai_models.transforms import PRESETS

WAYS = ("inspector", "augmenter", "extractor", "predict")
PATIENCE = 60.0  # seconds of wall time that a file may take before its child is ended: machines are shared


@dataclass(frozen=True)
class Answer:
    """What one way said of one file: a verdict, seconds of processor time, growth of memory in MiB."""

    path: str
    way: str
    verdict: str
    seconds: float
    memory: float


def survey(files: Sequence[Path], model_dir: Path) -> tuple[list[Answer], str]:
    """Take every file through the four ways; a file that ends the child has the verdict ``crash`` or ``timeout``.

    Returns
    -------
    tuple
        The answers, and what was written to standard error.
    """
    answers: list[Answer] = []
    waiting = list(files)
    with tempfile.TemporaryFile() as complaints:
        while waiting:
            done, end = _one_child(waiting, model_dir, complaints.fileno())
            answers += done
            finished = len(done) // len(WAYS)
            if end:  # whichever way the file had come to
                missing = WAYS[len(done) % len(WAYS) :]
                answers += [Answer(os.fspath(waiting[finished]), way, end, 0.0, 0.0) for way in missing]
                finished += 1
            waiting = waiting[finished:]
        complaints.seek(0)
        return answers, complaints.read().decode(errors="replace")


def _one_child(files: Sequence[Path], model_dir: Path, complaints: int) -> tuple[list[Answer], str]:
    command = [sys.executable, "-W", "error", __file__, "--child", os.fspath(model_dir)]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    answers: list[Answer] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for file in files:
            try:
                child.stdin.write(json.dumps(os.fspath(file)).encode() + b"\n")
                child.stdin.flush()
            except BrokenPipeError:
                return answers, f"crash {child.wait()}"
            for _ in WAYS:
                if not select.select([child.stdout], [], [], PATIENCE)[0]:
                    child.kill()
                    return answers, "timeout"
                line = child.stdout.readline()
                if not line:
                    return answers, f"crash {child.wait()}"
                answers.append(Answer(**json.loads(line)))
        child.stdin.close()
    return answers, ""


# -- in the child ------------------------------------------------------------------------------------------


def _answer_questions(model_dir: Path) -> None:
    model = load_model(model_dir)
    with tempfile.TemporaryDirectory() as temporary:
        ways: dict[str, Callable[[Path], str]] = {
            "inspector": _inspect,
            "augmenter": lambda file: _augment(file, Path(temporary)),
            "extractor": lambda file: _of_reason(
                model.extractor.extract_raw([file], on_error="record", label="").errors.get(0, "")
            ),
            "predict": lambda file: _of_prediction(model.predict_batch([file])),
        }
        for line in sys.stdin:
            for name in WAYS:
                print(json.dumps(vars(_measured(name, ways[name], Path(json.loads(line))))), flush=True)


def _measured(name: str, way: Callable[[Path], str], file: Path) -> Answer:
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts anew
    start = time.process_time()
    try:
        verdict = way(file)
    except Exception as error:  # the very thing that is looked for
        verdict = f"untyped {type(error).__name__}: {error}"
    taken = time.process_time() - start
    return Answer(os.fspath(file), name, verdict, round(taken, 4), round(_memory("VmHWM") - before, 1))


def _memory(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {key} in /proc/self/status")


def _inspect(file: Path) -> str:
    answer = look(
        Question(file.parent, file.name, "", Split.UNASSIGNED, "", quality=True, strict=False, local=True),
        KnownFiles(InspectionConfig(cache_features=False)),
    )
    assert answer.file.probe.readable == (answer.seen.look is not None)
    return str(answer.file.probe.verdict)


def _augment(file: Path, output: Path) -> str:
    parent = ImageRecord(file.name, label="class")
    made = make_copies(
        ParentTask(file.parent, parent, 1, PRESETS["light"], 1.0, AugmentationConfig(quality_threshold=0), output)
    )
    for row in made.rows:
        (output / row.path).unlink()
    refused = [reason for reason in made.rejected if reason in set(Verdict)]
    assert len(refused) + len(made.rows) <= 1
    return refused[0] if refused else "ok"


def _of_reason(reason: str) -> str:
    return str(Verdict(reason.split(":", maxsplit=1)[0])) if reason else "ok"


def _of_prediction(predictions: Predictions) -> str:
    unreadable = str(predictions.verdicts[0]) == "unreadable"
    return _of_reason(predictions.details[0]) if unreadable else "ok"


# -- reports -----------------------------------------------------------------------------------------------


def disagreements(answers: Sequence[Answer]) -> list[str]:
    """Return the paths whose four verdicts are not one; a wrong extension is a matter of names, so the inspector's."""
    by_path: dict[str, set[str]] = {}
    for answer in answers:
        verdict = "ok" if answer.verdict == Verdict.WRONG_EXTENSION else answer.verdict
        by_path.setdefault(answer.path, set()).add(verdict)
    return sorted(path for path, verdicts in by_path.items() if len(verdicts) > 1)


def _report(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    with tempfile.TemporaryDirectory() as temporary:
        answers, complaints = survey(files, _small_model(Path(temporary)))
    print(f"{len(files)} files in {folder}")
    names = sorted({a.verdict for a in answers})
    print(f"{'verdict':<18}" + "".join(f"{way:>11}" for way in WAYS))
    counts = Counter((a.way, a.verdict) for a in answers)
    for name in names:
        print(f"{name[:60]:<18}" + "".join(f"{counts[way, name]:>11}" for way in WAYS))
    for way in WAYS:
        mine = [a for a in answers if a.way == way]
        slow, large = max(mine, key=lambda a: a.seconds), max(mine, key=lambda a: a.memory)
        print(f"{way:<10} slowest {slow.seconds:6.2f} s  {Path(slow.path).name}")
        print(f"{'':<10} largest {large.memory:6.0f} MiB {Path(large.path).name}")
    untyped = [a for a in answers if a.verdict not in set(Verdict)]
    print(f"disagreements {len(disagreements(answers))}, without a typed verdict {len(untyped)}")
    for path in disagreements(answers):
        print("  " + path, *(a.verdict for a in answers if a.path == path))
    print(f"standard error {len(complaints)} characters", complaints[:2000])


def _small_model(folder: Path) -> Path:
    """Train on three classes of noise in bands: what is predicted does not matter here."""
    import numpy as np
    from PIL import Image

    from ai_models.core.settings import FeatureConfig, InspectionConfig, TrainingConfig
    from ai_models.inspection import scan
    from ai_models.splitting import split_for_training
    from ai_models.training import train_model

    for label in range(3):
        (folder / "data" / str(label)).mkdir(parents=True)
        for number in range(10):
            noise = np.random.default_rng([label, number]).integers(
                0, 256, (64 >> label, 64 >> label, 3), dtype=np.uint8
            )
            Image.fromarray(noise).resize((96, 96)).save(folder / "data" / str(label) / f"{number}.png")
    manifest = split_for_training(
        scan(folder / "data", InspectionConfig(workers=1)).manifest, test_size=0.2, folds=3, seed=0
    )
    features = FeatureConfig(use_cnn_features=False, cache_dir=str(folder / "cache"))
    return train_model(manifest, folder / "model", training=TrainingConfig(workers=1), features=features)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _answer_questions(arguments.child)
    elif arguments.folder:
        _report(arguments.folder)
