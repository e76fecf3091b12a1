"""One headless Chromium for all tests, spoken to in the W3C WebDriver protocol, and the reports to open in it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from ai_models.core.records import Manifest, Split
from ai_models.core.settings import EvaluationConfig, ExplainConfig, InspectionConfig
from ai_models.evaluation import evaluate_model
from ai_models.evaluation.explanations import explain_images
from ai_models.inspection import inspect_dataset

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


class Browser:
    """A session of chromedriver: https://www.w3.org/TR/webdriver2/ and Chrome's own commands below ``goog/cdp``."""

    def __init__(self, chromium: str, chromedriver: str, profile: Path) -> None:
        self._driver = subprocess.Popen([chromedriver, "--port=0"], stdout=subprocess.PIPE, text=True)
        try:
            port = self._port()
            self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
            options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={profile}"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            session = self._post("/session", {"capabilities": {"alwaysMatch": wanted}})
            self._session = f"/session/{session['sessionId']}"
        except BaseException:
            self._stop()
            raise

    def _port(self) -> int:
        assert self._driver.stdout is not None
        for line in self._driver.stdout:
            if found := re.search(r"successfully on port (\d+)", line):
                return int(found[1])
        raise RuntimeError("chromedriver ended without naming its port")

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._client.post(path, json=body).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{answer['error']}: {answer['message']}")
        return answer

    def _stop(self) -> None:
        self._driver.terminate()
        self._driver.wait(20)
        self._driver.stdout.close()  # type: ignore[union-attr]

    def close(self) -> None:
        """End the browser and its driver."""
        self._client.delete(self._session)
        self._client.close()
        self._stop()

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Send a command of Chrome's DevTools protocol."""
        return self._post(f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def run(self, script: str, *values: Any) -> Any:
        """Return what the body of a function returns in the page."""
        return self._post(f"{self._session}/execute/sync", {"script": script, "args": list(values)})

    def visit(self, address: str, *, width: int = 1280, scheme: str = "light", medium: str = "") -> None:
        """Open an address in a window of that width; logs start afresh."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", media=medium, features=features)
        self._post(f"{self._session}/url", {"url": "about:blank"})
        self.complaints(), self.requests()
        self._post(f"{self._session}/url", {"url": address})

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key: ``Tab``, ``Enter``, ``Space``."""
        code = {"Tab": 9, "Enter": 13, "Space": 32}[key]
        text = {"Enter": "\r", "Space": " "}.get(key, "")
        name = " " if key == "Space" else key
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.devtools(
                "Input.dispatchKeyEvent", type=kind, key=name, code=key, windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0, **more,
            )  # fmt: skip

    def drop(self, file: Path, selector: str) -> None:
        """Drag a file from outside onto an element, and let it go."""
        x, y = self.run(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2];",
            selector,
        )
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.devtools("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def choose(self, file: Path, selector: str) -> None:
        """Put a file into a field, as the system's dialogue for files does."""
        document = self.devtools("DOM.getDocument")["root"]["nodeId"]
        node = self.devtools("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        self.devtools("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def until(self, script: str, *values: Any, seconds: float = 30.0) -> Any:
        """Return what a script returns as soon as that is something."""
        end = time.monotonic() + seconds
        while not (found := self.run(script, *values)):
            assert time.monotonic() < end, f"never: {script}"
            time.sleep(0.05)
        return found

    def screenshot(self, file: Path) -> None:
        """Write the whole page as a PNG."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def open(self, page: Path, *, width: int = 1280, scheme: str = "light", medium: str = "") -> None:
        """Open a file as `visit` opens an address."""
        self.visit(page.as_uri(), width=width, scheme=scheme, medium=medium)

    def complaints(self) -> list[str]:
        """Return what the console said since the last call, warnings and errors."""
        entries = self._post(f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def requests(self) -> list[str]:
        """Return every address that was asked for since the last call."""
        entries = self._post(f"{self._session}/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def pdf(self) -> bytes:
        """Print to A4."""
        printed = self.devtools("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
        return base64.b64decode(printed["data"])


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return the browser; without one the tests are skipped."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser: install Debian's chromium and chromium-driver")
    browser = Browser(chromium, driver, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def inspection_report(texture_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report on the textures with copies, a copy in another class, a long name and files with faults."""
    folder = tmp_path_factory.mktemp("inspected") / "พระเครื่อง"
    shutil.copytree(texture_folder, folder)
    first = folder / "checks" / "00.png"
    shutil.copy(
        first, folder / "checks" / "a_copy_whose_name_is_very_long_because_a_camera_and_two_people_named_it.png"
    )
    shutil.copy(first, folder / "blobs" / "stray.png")
    Image.open(folder / "ลายทาง" / "03.png").rotate(90).save(folder / "ลายทาง" / "turned.jpg", quality=80)
    (folder / "blobs" / "broken.png").write_bytes(first.read_bytes()[:900])
    (folder / "blobs" / "empty.jpg").touch()
    shutil.copy(first, folder / "blobs" / "misnamed.jpg")
    output = tmp_path_factory.mktemp("inspection")
    inspect_dataset(folder, output, InspectionConfig(workers=1), overwrite=True)
    return output / "inspection.html"


@pytest.fixture(scope="session")
def evaluation_report(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report on the model of the textures, with a folder of plain noise beside it."""
    foreign = tmp_path_factory.mktemp("foreign") / "noise"
    foreign.mkdir()
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(foreign / f"{i}.png")
    output = tmp_path_factory.mktemp("evaluation") / "report"
    return evaluate_model(tiny_model, output, EvaluationConfig(bootstrap_draws=200, workers=1), ood_dirs=[foreign])


@pytest.fixture(scope="session")
def explanation_report(
    tiny_network_model: Path, split_textures: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Explanations of three textures, one under a long name, and of a file that cannot be read."""
    first, second, third = split_textures.on(Split.TEST).files[:3]
    folder = tmp_path_factory.mktemp("explained")
    long = folder / "ภาพพระที่มีชื่อยาวมาก_a_photograph_whose_name_is_very_long_because_two_people_named_it.png"
    shutil.copy(second, long)
    (folder / "broken.png").write_bytes(b"no image")
    config = ExplainConfig(steps=4, random_maps=3, workers=1)
    explain_images(tiny_network_model, [first, long, third, folder / "broken.png"], folder / "why", config)
    return folder / "why" / "explain.html"


@pytest.fixture(scope="session", params=["inspection", "evaluation", "explanation"])
def report(request: pytest.FixtureRequest, browser: Browser) -> Path:
    """Every report; asks for the browser first, so that nothing is made where there is none."""
    path: Path = request.getfixturevalue(f"{request.param}_report")
    return path
