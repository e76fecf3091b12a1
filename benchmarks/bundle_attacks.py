"""Attack a signed model directory: one-bit flips, altered structure, malicious pickles. All must be refused.

    python benchmarks/bundle_attacks.py [MODEL_DIRECTORY] [--flips 10000] [--seed 0]

"Refused" is a `BundleError` or one of its kind, and, by audit hook, no class looked up before it. A malicious pickle
lies in a directory whose ``bundle.json`` lists it rightly, and is opened as if the user allowed what nobody signed: it
must not run. Writes ``benchmarks/results/bundle_attacks.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from malicious_pickles import COMPRESSIONS, malicious
from structural_attacks import ATTACKS, Target

from ai_models.artifacts import load_model
from ai_models.artifacts.allowed_names import ALLOWED
from ai_models.artifacts.canonical import canonical
from ai_models.artifacts.keys import make_key
from ai_models.artifacts.signing import sign_bundle
from ai_models.artifacts.trust import Trust
from ai_models.artifacts.trust_store import TrustStore
from ai_models.core.errors import BundleError
from ai_models.core.rng import generator

_RESULTS = Path(__file__).parent / "results" / "bundle_attacks.json"
_heard: list[tuple[str, tuple[Any, ...]]] = []
_listening = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event in ("pickle.find_class", "os.system", "subprocess.Popen", "os.posix_spawn", "os.exec"):
        _heard.append((event, arguments))


sys.addaudithook(_hook)


@contextmanager
def listening() -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """Give the names that are looked up, and the programs started, meanwhile."""
    global _listening  # noqa: PLW0603 - an audit hook cannot be taken off
    _heard.clear()
    _listening = True
    try:
        yield _heard
    finally:
        _listening = False


def signed_copy(model_dir: Path, place: Path, algorithm: str = "ed25519") -> Target:
    """Return a signed copy of a model directory that opens by its signature alone."""
    folder = place / "target"
    shutil.copytree(model_dir, folder, ignore=shutil.ignore_patterns("inspection", "data", "report", ".unfinished"))
    key, _ = make_key(algorithm, place / "key.pem")
    store = TrustStore(place / "trust")
    sign_bundle(folder, key, trust=Trust(allow_unsigned=True, store=TrustStore(place / "signer")))
    return Target(folder, key, Trust((key.public,), store=store))


def refused(target: Target, trust: Trust | None = None, *, allow_unsigned: bool = False) -> str:
    """Try to open; return "" where it was refused as it should be, otherwise what happened."""
    with listening() as heard:
        try:
            load_model(target.folder, trust=trust or target.trust, allow_unsigned=allow_unsigned)
        except BundleError:
            pass
        except Exception as error:
            return f"raised {type(error).__name__}: {error}"
        else:
            return "opened"
    return f"looked up {heard[0]}" if heard else ""


def flips(target: Target, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Flip one bit at a time: half of them in a file drawn evenly, half in a byte drawn evenly from all."""
    rng = generator(seed, "bits to flip")
    content = {path.name: path.read_bytes() for path in sorted(target.folder.iterdir()) if path.is_file()}
    names, sizes = list(content), [len(data) for data in content.values()]
    drawn, failures = Counter[str](), []
    for number in range(count):
        shares = None if number % 2 else [size / sum(sizes) for size in sizes]
        name = names[int(rng.choice(len(names), p=shares))]
        place, bit = int(rng.integers(len(content[name]))), int(rng.integers(8))
        with (target.folder / name).open("r+b", buffering=0) as stream:
            for value in (content[name][place] ^ 1 << bit, content[name][place]):
                stream.seek(place)
                stream.write(bytes([value]))
                if value != content[name][place]:
                    said = refused(target)
                    drawn[name] += 1
                    if said:
                        failures.append(f"{name} byte {place} bit {bit}: {said}")
    return drawn, failures


def structural(target: Target) -> list[str]:
    """Run every named attack on a copy of its own; return what was not refused."""
    failures = []
    for name, attack in ATTACKS.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "target"
            shutil.copytree(target.folder, folder)
            one = Target(folder, target.key, target.trust)
            said = refused(one, attack(one))
            if said:
                failures.append(f"{name}: {said}")
    return failures


def pickles(target: Target, place: Path, every: int = 1) -> tuple[int, list[str]]:
    """Open every malicious pickle in every compression, listed rightly and allowed; return what ran or was opened."""
    canary, failures, tried = place / "canary", [], 0
    folder = place / "pickles"
    folder.mkdir()
    one = Target(folder, target.key, target.trust)
    bundle = target.bundle
    wanted = {f"{module}.{name}" for module, names in ALLOWED.items() for name in names}
    for number, payload in enumerate(malicious(canary)):
        for kind, compress in COMPRESSIONS.items():
            if (number + len(kind)) % every:
                continue
            data = compress(payload)
            entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            (folder / "model.joblib").write_bytes(data)
            (folder / "bundle.json").write_bytes(canonical({**bundle, "files": {"model.joblib": entry}}))
            tried += 1
            what = f"pickle {number} in {kind}"
            said = refused(one)
            if said:
                failures.append(f"{what}: {said}")
            with listening() as heard:
                try:
                    load_model(folder, trust=Trust(store=target.trust.store), allow_unsigned=True)
                except BundleError:
                    pass
                except BaseException as error:
                    failures.append(f"{what}, allowed: raised {type(error).__name__}: {error}")
                else:
                    failures.append(f"{what}, allowed: opened")
            odd = [e for e in heard if e[0] != "pickle.find_class" or ".".join(e[1]) not in wanted]
            if odd or canary.exists():
                failures.append(f"{what}, allowed: {odd or 'ran'}")
    return tried, failures


def attack(model_dir: Path, count: int, seed: int, tell: Callable[[str], object]) -> dict[str, Any]:
    """Run everything with both kinds of key; return what `_RESULTS` holds."""
    found: dict[str, Any] = {"seed": seed, "pickles_compressions": list(COMPRESSIONS)}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as root:
        for algorithm in ("ed25519", "ecdsa"):
            place = Path(root) / algorithm
            place.mkdir()
            target = signed_copy(model_dir, place, algorithm)
            load_model(target.folder, trust=target.trust)  # as it is, it opens
            drawn, failures = flips(target, count // 2, seed)
            load_model(target.folder, trust=target.trust)
            altered = structural(target)
            found[algorithm] = {
                "flips": sum(drawn.values()), "flips_by_file": dict(sorted(drawn.items())),
                "flips_not_refused": failures, "structural": len(ATTACKS), "structural_not_refused": altered,
            }  # fmt: skip
            tell(f"{algorithm}: {sum(drawn.values())} flips, {len(failures)} not refused; "
                 f"{len(ATTACKS)} structural attacks, {len(altered)} not refused")  # fmt: skip
        tried, ran = pickles(target, place)
        found["pickles"] = {"tried": tried, "ran_or_opened": ran}
        tell(f"{tried} malicious pickles, {len(ran)} ran or were opened")
    tell(f"{time.perf_counter() - start:.0f} s")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("AMULET_AI_TRUST_DIR", tempfile.mkdtemp())
    found = attack(options.model_dir, options.flips, options.seed, print)
    _RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    failures = [f for a in ("ed25519", "ecdsa") for k, v in found[a].items() if k.endswith("refused") for f in v]
    failures += found["pickles"]["ran_or_opened"]
    print("\n".join(failures) or "all refused")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
