"""A real service in a process of its own, with small limits, and pictures to send to it."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partialmethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

import ai_models
from ai_models.artifacts import load_model
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import ImageError
from ai_models.core.formats import Verdict
from ai_models.core.predictions import OodVerdict, Prediction
from ai_models.serving.admission.door import Door
from ai_models.serving.admission.keys import Scope, create_key, write_keys
from ai_models.serving.app import create_app
from ai_models.serving.audit import AuditTrail
from ai_models.serving.settings import ServiceSettings

MAX_BYTES = 200_000
MAX_PIXELS = 1_000_000
PLAIN = {
    k: v
    for k, v in os.environ.items()
    if k == "AMULET_AI_TRUST_DIR" or not (k.startswith("AMULET_AI_") or k == "LOG_LEVEL")
}


@pytest.fixture(scope="session")
def service(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a running service; the log is in ``service.log`` of its working folder."""
    place = tmp_path_factory.mktemp("service")
    limits = {"AMULET_AI_MAX_BYTES": str(MAX_BYTES), "AMULET_AI_MAX_PIXELS": str(MAX_PIXELS), "LOG_LEVEL": "INFO"}
    with (place / "service.log").open("wb") as log:
        command = [sys.executable, "-m", "ai_models", "serve", "--port", "0", "--model-dir", str(tiny_model)]
        root = str(Path(ai_models.__file__).parents[1])
        process = subprocess.Popen(
            command, cwd=place, env=PLAIN | limits | {"PYTHONPATH": root}, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("serving   http://127.0.0.1:"), (place / "service.log").read_text()
    with httpx.Client(base_url=line.split()[1], timeout=60) as client:
        client.headers["x-working-folder"] = str(place)
        yield client
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()


@pytest.fixture(scope="session")
def model(tiny_model: Path) -> HybridClassifier:
    """The model that the service has loaded."""
    return load_model(tiny_model)


@pytest.fixture(scope="session")
def photograph(texture_folder: Path) -> Path:
    """One picture of the training classes."""
    return texture_folder / "checks" / "03.png"


def _encoded(kind: str, size: tuple[int, int] = (48, 40)) -> bytes:
    """Return the file of a plain picture."""
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize(size).save(stream, kind)
    return stream.getvalue()


@pytest.fixture(scope="session")
def gradient_png() -> bytes:
    """A picture that shows nothing known."""
    return _encoded("PNG")


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """Encode a plain picture of a size in a format."""
    return _encoded


@pytest.fixture(scope="session")
def max_bytes() -> int:
    """The largest image that the service takes."""
    return MAX_BYTES


HELD = {"not_ready_because": "", "workers": 1, "trouble": "", "standing": "local"}


class StandIn:
    """A model that answers anything but ``bad`` at once, and notes what it was asked."""

    version = "0123456789ab"
    classes = ("a", "ข")

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def judge(self, image: Callable[[], bytes]) -> tuple[Prediction, str]:
        data = image()
        self.seen.append(data)
        if data == b"bad":
            raise ImageError(Verdict.CORRUPT, "it is broken")
        said = {"a": 0.8, "ข": 0.2}
        known = Prediction("a", 0.8, said, ("a",), 0.1, 0.9, OodVerdict.IN_DOMAIN, prediction_set_by_class=("a",))
        return known, self.version


class _Asker:
    """A client of an application in this process; each request has an event loop of its own."""

    def __init__(self, app: FastAPI, client: str) -> None:
        self.app = app
        self._client = client

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(self._client, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, url, **more)

        return asyncio.run(run())

    get = partialmethod(request, "GET")
    post = partialmethod(request, "POST")
    options = partialmethod(request, "OPTIONS")


@pytest.fixture
def talk_to() -> Callable[..., _Asker]:
    """Return a client of an application with a model that answers anything: talk_to(settings)."""

    def made(settings: ServiceSettings, client: str = "127.0.0.1") -> _Asker:
        app = create_app(settings)
        app.state.door, app.state.audit = Door(settings), AuditTrail(settings.audit_file)
        app.state.predictor, app.state.lifecycle = StandIn(), SimpleNamespace(**HELD)
        return _Asker(app, client)

    return made


class Running:
    """Starts services in processes of their own: with running(...) as (client, log)."""

    def __init__(self, model: Path, place: Path) -> None:
        self.model = model
        self.place = place

    @staticmethod
    def keys(folder: Path, *scopes: Scope) -> tuple[Path, str]:
        """Make a file with one key, of the shop."""
        text, key = create_key((), "shop", scopes or (Scope.PREDICT,))
        write_keys(folder / "keys.json", (key,))
        return folder / "keys.json", text

    @contextmanager
    def __call__(self, level: str = "INFO", **settings: object) -> Iterator[tuple[httpx.Client, Path]]:
        variables = {f"AMULET_AI_{name.upper()}": str(value) for name, value in settings.items()}
        root = str(Path(ai_models.__file__).parents[1])
        log = self.place / f"{len(list(self.place.iterdir()))}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "ai_models", "serve", "--port", "0", "--model-dir", str(self.model)],
                env=PLAIN | variables | {"PYTHONPATH": root, "LOG_LEVEL": level}, stdout=subprocess.PIPE,
                stderr=stream, text=True,
            )  # fmt: skip
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("serving   http://127.0.0.1:"), log.read_text()
            with httpx.Client(base_url=line.split()[1], timeout=60) as client:
                yield client, log
        finally:
            process.terminate()
            status = process.wait(30)
            process.stdout.close()
        assert status == 0


@pytest.fixture(scope="session")
def running(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """Start services with settings of their own."""
    return Running(tiny_model, tmp_path_factory.mktemp("running"))
