"""The application in this process: what needs no server, or a fault that no request can cause."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import shutil
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pydantic
import pytest

from ai_models.core.errors import BundleError
from ai_models.core.predictions import OodVerdict, Prediction
from ai_models.serving.app import create_app
from ai_models.serving.predictor import Predictor, respond
from ai_models.serving.settings import ServiceSettings

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


def test_a_fault_of_the_service_shows_nothing_of_itself(tiny_model, photograph, monkeypatch, caplog):
    app = create_app(ServiceSettings(model_dir=str(tiny_model)))

    def broken(self: Any, image: Any) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(Predictor, "_predict", broken)

    async def talk(client: httpx.AsyncClient) -> None:
        answer = await client.post("/predict/file", files={"file": photograph.read_bytes()})
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["success"] is False
        assert "secret" not in answer.text
        assert 'status="500"' in (await client.get("/metrics")).text

    with caplog.at_level(logging.INFO):
        _talk(app, talk)


def test_the_event_loop_answers_while_images_are_judged(tiny_model, photograph, monkeypatch):
    app = create_app(ServiceSettings(model_dir=str(tiny_model), threads=2))
    release, lock, inside = threading.Event(), threading.Lock(), []

    def slow(self: Any, image: Any) -> Prediction:
        with lock:
            inside.append(1)
        assert release.wait(20)
        return KNOWN

    monkeypatch.setattr(Predictor, "_predict", slow)

    async def talk(client: httpx.AsyncClient) -> None:
        data = photograph.read_bytes()
        waiting = [asyncio.create_task(client.post("/predict/file", files={"file": data})) for _ in range(5)]
        while len(inside) < 2:
            await asyncio.sleep(0.01)
        assert (await client.get("/health")).status_code == 200
        await asyncio.sleep(0.1)
        assert len(inside) == 2  # the others wait for their turn
        release.set()
        assert [(await task).status_code for task in waiting] == [200] * 5

    _talk(app, talk)


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
