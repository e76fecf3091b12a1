"""The application in this process: what needs no server, or a fault that no request can cause."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pydantic
import pytest

from ai_models.core.errors import BundleError
from ai_models.core.predictions import OodVerdict, Prediction
from ai_models.serving.app import create_app
from ai_models.serving.predictor import respond
from ai_models.serving.settings import ServiceSettings
from ai_models.serving.workers.nursery import ForkingNursery

KNOWN = Prediction("a", 0.8, {"a": 0.8, "b": 0.2}, ("a",), 0.1, 0.9, OodVerdict.IN_DOMAIN)


def _talk(app: Any, talk: Callable[[httpx.AsyncClient], Awaitable[Any]], *, start: bool = True) -> Any:
    async def run() -> Any:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            if not start:
                return await talk(client)
            async with app.router.lifespan_context(app):
                return await talk(client)

    return asyncio.run(run())


def test_making_the_application_loads_no_model():
    app = create_app(ServiceSettings(model_dir="nowhere"))

    async def talk(client: httpx.AsyncClient) -> None:
        health = await client.get("/health")
        assert (health.status_code, health.json()["status"], health.json()["model_loaded"]) == (
            503,
            "unavailable",
            False,
        )
        refused = await client.post("/predict", json={"image_data": "YWJj"})
        assert refused.status_code == 503
        assert refused.json()["type"].endswith(":no-model")
        assert (await client.get("/docs")).status_code == 200

    _talk(app, talk, start=False)


def test_a_model_that_cannot_be_loaded_is_told_in_a_sentence(tmp_path, tiny_model):
    broken = tmp_path / "model"
    shutil.copytree(tiny_model, broken)
    with (broken / "model.joblib").open("ab") as stream:
        stream.write(b"x")
    app = create_app(ServiceSettings(model_dir=str(broken)))
    sent: list[Any] = []

    async def run() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    with pytest.raises(BundleError):
        asyncio.run(run())
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "its SHA-256 differs" in sent[0]["message"]
    assert "\n" not in sent[0]["message"]


@pytest.fixture
def obedient(monkeypatch, tmp_path) -> Any:
    """An application whose workers do what images tell them; see `obedient.py`."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr("ai_models.serving.lifecycle.nursery_for", lambda what: ForkingNursery({}, "obedient"))
    (tmp_path / "bundle.json").touch()
    return lambda **settings: create_app(ServiceSettings(model_dir=str(tmp_path), **settings))


async def _ask(client: httpx.AsyncClient, order: bytes) -> httpx.Response:
    return await client.post("/predict/file", files={"file": order})


def test_a_fault_of_the_service_shows_nothing_of_itself(obedient, caplog):
    async def talk(client: httpx.AsyncClient) -> None:
        answer = await _ask(client, b"fault")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["success"] is False
        assert "RuntimeError" not in answer.text
        assert 'status="500"' in (await client.get("/metrics")).text

    with caplog.at_level(logging.INFO):
        _talk(obedient(workers=1), talk)


def test_the_event_loop_answers_while_images_are_judged(obedient):
    async def talk(client: httpx.AsyncClient) -> None:
        waiting = [asyncio.create_task(_ask(client, b"sleep 0.3")) for _ in range(5)]
        await asyncio.sleep(0.1)
        start = time.monotonic()
        assert (await client.get("/health")).status_code == 200
        assert time.monotonic() - start < 0.2
        assert [(await task).status_code for task in waiting] == [200] * 5
        assert time.monotonic() - start > 0.5  # two at once, so three rounds

    _talk(obedient(workers=2), talk)


def test_questions_without_an_answer_are_told_why(obedient):
    async def talk(client: httpx.AsyncClient) -> None:
        late, lost = await _ask(client, b"sleep 60"), await _ask(client, b"exit 1")
        while not app.state.lifecycle.workers:
            await asyncio.sleep(0.01)
        asked = [asyncio.create_task(_ask(client, b"sleep 0.1")) for _ in range(6)]
        answers = [await task for task in asked]
        assert "amulet_workers_lost_total 2.0" in (await client.get("/metrics")).text
        for answer, status, kind in ((late, 504, "time-limit"), (lost, 503, "worker-lost")):
            assert (answer.status_code, answer.json()["type"]) == (status, f"urn:problem-type:amulet-ai:{kind}")
        refused = [answer for answer in answers if answer.status_code != 200]
        assert len(refused) == 6 - 1 - 2
        assert {answer.json()["type"] for answer in refused} == {"urn:problem-type:amulet-ai:busy"}
        assert all(1 <= int(answer.headers["retry-after"]) < 10 for answer in refused)

    app = obedient(workers=1, queue=2, time_limit=0.8)
    _talk(app, talk)


def test_when_it_may_be_asked(obedient, monkeypatch):
    app = obedient(workers=1, stop_seconds=0.3)
    lifecycle = app.state.lifecycle
    assert lifecycle.not_ready_because == "no model is loaded"

    async def talk(client: httpx.AsyncClient) -> None:
        assert lifecycle.not_ready_because == ""
        asked = asyncio.create_task(_ask(client, b"sleep 60"))
        await asyncio.sleep(0.1)
        lifecycle.stop()
        assert lifecycle.not_ready_because == "the service stops"
        answer = await asked
        assert (answer.status_code, answer.headers["connection"]) == (503, "close")
        assert answer.json()["type"].endswith(":stopping")

    _talk(app, talk)
    assert lifecycle.not_ready_because == "the service stops"


def _respond(prediction: Prediction, threshold: float = 0.5) -> dict[str, Any]:
    return respond(prediction, threshold=threshold, with_probabilities=True, version="v", started=0.0).model_dump()


@pytest.mark.parametrize(
    ("verdict", "threshold", "expected"),
    [
        (OodVerdict.IN_DOMAIN, 0.8, "in_domain"),
        (OodVerdict.IN_DOMAIN, 0.81, "unsure"),
        (OodVerdict.UNSURE, 0.0, "unsure"),
        (OodVerdict.UNSURE, 0.9, "unsure"),
        (OodVerdict.OOD, 0.9, "ood"),
    ],
)
def test_the_threshold_only_lowers_a_verdict(verdict, threshold, expected):
    assert _respond(dataclasses.replace(KNOWN, verdict=verdict), threshold)["verdict"] == expected


@pytest.mark.parametrize("field", ["confidence", "ood_p_value", "probabilities"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1])
def test_a_number_that_is_none_is_never_sent(field, value):
    wrong = {"a": value, "b": 0.5} if field == "probabilities" else value
    with pytest.raises(pydantic.ValidationError):
        _respond(dataclasses.replace(KNOWN, **{field: wrong}))


def test_class_names_that_are_no_text_are_written_as_text():
    odd = "caf\udce9"
    prediction = dataclasses.replace(KNOWN, predicted_class=odd, probabilities={odd: 1.0}, prediction_set=(odd,))
    answer = _respond(prediction)
    assert answer["predicted_class"] == answer["prediction_set"][0] == next(iter(answer["probabilities"])) == r"caf\xe9"
