"""The service's page in a real browser: a photograph is dropped, and by the keyboard alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import ai_models
from ai_models.serving.admission.keys import Scope, create_key, write_keys
from ai_models.serving.pictures import keep_pictures

SAID = "return !document.getElementById('said').hidden && document.getElementById('class').textContent"
WHY = "return state.explanation !== null && document.getElementById('mapText').textContent"
FAULT = "return !document.getElementById('error').hidden && document.getElementById('error').innerText"
FOCUSED = "return document.activeElement.id || document.activeElement.value || document.activeElement.tagName"


@contextmanager
def _serving(model: Path, **settings: object) -> Iterator[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("AMULET_AI_") or k == "AMULET_AI_TRUST_DIR"}
    variables = {f"AMULET_AI_{name.upper()}": str(value) for name, value in settings.items()}
    root = str(Path(ai_models.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "ai_models", "serve", "--port", "0", "--model-dir", str(model)],
        env=plain | variables | {"PYTHONPATH": root}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="module")
def service(browser, tiny_network_model, tmp_path_factory) -> Iterator[str]:
    """Address of a service without keys; asks for the browser first, so that nothing starts where there is none."""
    model = Path(shutil.copytree(tiny_network_model, tmp_path_factory.mktemp("pictured") / "model"))
    keep_pictures(model, 48)
    with _serving(model, max_bytes=200_000) as address:
        yield address


@pytest.fixture
def photograph(texture_folder) -> Path:
    return texture_folder / "ลายทาง" / "03.png"


@pytest.fixture
def page(browser, service):
    browser.visit(f"{service}/")
    browser.run("localStorage.clear(); document.querySelector('[value=en]').click()")
    return browser


def test_a_photograph_is_dropped_and_all_of_the_answer_is_seen(page, service, photograph):
    told = httpx.post(f"{service}/predict/file", files={"file": photograph.read_bytes()}).json()
    why = httpx.post(f"{service}/explain", files={"file": photograph.read_bytes()}).json()
    page.drop(photograph, "#drop")
    assert page.until(SAID) == told["predicted_class"]
    shown = page.run("return [...document.querySelectorAll('#bars li')].map(row => row.innerText.split('\\n'))")
    assert [name for name, _ in shown] == sorted(told["probabilities"], key=lambda c: -told["probabilities"][c])
    for name, share in shown:
        given = 100 * told["probabilities"][name]
        assert abs(float(re.sub(r"[^\d.]", "", share)) - given) <= 0.1, (share, given)
    widths = page.run("return [...document.querySelectorAll('#bars b')].map(b => parseFloat(b.style.width))")
    assert sum(widths) == pytest.approx(100)
    words = {"in_domain": "Known", "unsure": "Not sure", "ood": "Unlike anything known"}
    assert page.run("return document.querySelector('#verdict strong').textContent") == words[told["verdict"]]
    assert len(page.run("return document.querySelector('#verdict span').textContent")) > 20
    assert all(name in page.run("return document.getElementById('set').textContent") for name in told["prediction_set"])
    sentence = page.until(WHY)
    assert f"{why['heat_map']['photographs']} photographs (of {why['heat_map']['objects']} objects" in sentence
    assert page.run("return document.getElementById('map').naturalWidth") > 50
    assert page.run("return document.getElementById('photograph').naturalWidth") == 64
    assert "objects that look most like it" in page.run("return document.getElementById('near').textContent")
    examples = page.run("return [...document.querySelectorAll('#examples img')].map(i => [i.naturalWidth, i.alt])")
    assert examples == [[48, f"A training photograph of {one['label']}"] for one in why["nearest"]]
    text = page.run("return document.querySelector('.disclaimer').innerText")
    assert "ผลประเมินเป็นเบื้องต้น" in text
    assert "an expert should confirm" in text
    assert page.complaints() == []
    asked = [address for address in page.requests() if not address.startswith(("data:", "blob:"))]
    assert all(address.startswith(service) for address in asked)


def test_the_keyboard_is_enough(page, photograph):
    order = []
    for _ in range(5):
        page.press("Tab")
        order.append(page.run(FOCUSED))
        outlines = "const e = document.activeElement, s = e.id === 'file' ? e.nextElementSibling : e;"
        assert page.run(outlines + "return parseFloat(getComputedStyle(s).outlineWidth)") >= 2, order
    assert order == ["th", "en", "theme", "file", "A"]
    page.press("Tab", shift=True)
    page.devtools("Page.setInterceptFileChooserDialog", enabled=True)
    try:
        page.press("Enter")  # opens the system's dialogue, which is then used by the keyboard too
        page.choose(photograph, "#file")
    finally:
        page.devtools("Page.setInterceptFileChooserDialog", enabled=False)
    assert page.until(SAID)
    page.press("Tab", shift=True)
    page.press("Enter")
    assert page.run("return document.documentElement.dataset.theme") == "light"
    page.press("Tab", shift=True)
    page.press("Tab", shift=True)
    page.press("Space")
    assert page.run("return document.documentElement.lang") == "th"
    assert page.run("return document.querySelector('h1').textContent") == "ภาพนี้คืออะไร"
    assert page.run(SAID)
    assert page.run("return document.getElementById('answer').getAttribute('aria-live')") == "polite"
    named = "return [...document.querySelectorAll('img, input, button')].filter(e => !e.closest('[hidden]')).map(e => "
    assert all(page.run(named + "e.alt || e.textContent || (e.labels && e.labels[0] && e.labels[0].textContent))"))


def test_faults_are_sentences_in_both_languages(page, tmp_path):
    for name, data, english, thai in (
        ("words.txt", b"words", "That is no file of a photograph", "ไม่ใช่ภาพถ่าย"),
        ("cut.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "cannot be read", "อ่านภาพไม่ได้"),
        ("large.png", bytes(300_000), "larger than 0.2 MB", "ใหญ่กว่า 0.2 MB"),
    ):
        (tmp_path / name).write_bytes(data)
        page.drop(tmp_path / name, "#drop")
        assert english in page.until(FAULT)
        page.run("document.querySelector('[value=th]').click()")
        assert thai in page.run(FAULT)
        page.run("document.querySelector('[value=en]').click()")
        assert page.run("return document.getElementById('said').hidden")


def test_a_key_is_kept_for_the_tab_alone_and_a_service_that_is_gone_is_told(
    browser, tiny_network_model, photograph, tmp_path
):
    text, key = create_key((), "shop", (Scope.PREDICT,))
    write_keys(tmp_path / "keys.json", (key,))
    settings = {"keys_file": tmp_path / "keys.json", "state_dir": tmp_path / "state"}
    with _serving(tiny_network_model, **settings) as address:
        browser.visit(f"{address}/")
        browser.run("document.querySelector('[value=en]').click()")
        assert browser.run("return document.getElementById('key').type") == "password"
        browser.drop(photograph, "#drop")
        assert "a key is needed" in browser.until(FAULT)
        put = "const f = document.getElementById('key'); f.value = arguments[0]; f.dispatchEvent(new Event('change'))"
        browser.run(put, "กุญแจ")
        browser.drop(photograph, "#drop")
        assert "not known" in browser.until(FAULT)
        browser.run(put, text)
        browser.drop(photograph, "#drop")
        assert browser.until(SAID) == "ลายทาง"
        assert "may not be used for this (explain)" in browser.until(WHY)
        assert browser.run("return Object.values(sessionStorage)") == [text]
        assert text not in str(browser.run("return [Object.values(localStorage), document.cookie, location.href]"))
        assert not any(text in asked for asked in browser.requests())
    browser.drop(photograph, "#drop")
    assert "does not answer" in browser.until(FAULT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_fits_and_is_readable(browser, service, photograph, width, scheme):
    browser.visit(f"{service}/", width=width, scheme=scheme)
    for language in ("en", "th"):
        browser.run("document.querySelector(`[value=${arguments[0]}]`).click()", language)
        browser.drop(photograph, "#drop")
        browser.until(WHY)
        assert browser.run("return [innerWidth, document.scrollingElement.scrollWidth]") == [width, width]
        smallest = browser.run(
            "return Math.min(...[...document.querySelectorAll('p, button, label, span')].filter(e => e.offsetParent)"
            ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
        )
        assert smallest >= 13
        for inside in ("#class", "#verdict strong", "#bars output", ".choose", "#limits", ".disclaimer p", "footer p"):
            ink, paper = browser.run(_COLOURS, inside)
            assert _contrast(ink, paper) >= 4.5, (inside, ink, paper)


_COLOURS = """
const one = document.querySelector(arguments[0]);
let under = one;
while (getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)") under = under.parentElement;
const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
return [getComputedStyle(one).color, getComputedStyle(under).backgroundColor].map(colour => {
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
});
"""


def _contrast(one: list[int], other: list[int]) -> float:
    """Return the contrast ratio of WCAG 2.2 (1.4.3 asks for 4.5)."""
    luminances = []
    for colour in (one, other):
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in (c / 255 for c in colour)]
        luminances.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)
