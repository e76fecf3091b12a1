"""The service under requests that mean harm: small counts of benchmarks/service_attacks.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def attacks() -> Iterator[Any]:
    sys.path.insert(0, str(BENCHMARKS))
    import service_attacks

    yield service_attacks
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def picture(texture_folder: Path) -> bytes:
    return (texture_folder / "checks" / "03.png").read_bytes()


@pytest.fixture(scope="module")
def target(attacks: Any, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with attacks.served(tiny_model, keys=True, log=tmp_path_factory.mktemp("attacked") / "log") as target:
        yield target


@pytest.mark.slow
def test_bytes_that_are_no_request(attacks, target, picture):
    from raw_requests import KINDS

    attacks.warmed(target, picture, 10)
    before = target.memory_mb
    told = attacks.raw_requests(target, 3 * len(KINDS), picture)
    assert set(told["by_kind"]) == set(KINDS)
    assert attacks.undocumented(told["statuses"]) == {}
    for kind in ("conflicting lengths", "wrong length", "wrong chunks", "unknown coding"):
        assert not {"200", "closed"} & set(told["by_kind"][kind]), kind
    assert httpx.get(f"{target.address}/livez").json() == {"status": "ok"}
    assert target.memory_mb - before <= 64


@pytest.mark.slow
@pytest.mark.parametrize("with_key", [True, False], ids=["key", "no key"])
def test_requests_that_the_description_allows_and_others(attacks, target, picture, with_key):
    pytest.importorskip("schemathesis", reason="no schemathesis: pip install -r requirements/dev.txt")
    told = attacks.described_requests(target, 80, picture, with_key=with_key)
    assert told["cases"] >= 80
    assert told["faults"] == []
    assert attacks.undocumented(told["statuses"]) == {}
    assert told["statuses"].get("401", 0) > 15 if not with_key else "401" not in told["statuses"]


def test_the_judgement_sees_a_fault(attacks):
    said = {"200": 5, "500": 1, "503": 2, "silent": 1, "502": 1}
    assert attacks.undocumented(said) == {"500": 1, "502": 1, "silent": 1}
