"""The reports in a real browser: all loads, tables sort, the page fits narrow and wide windows and paper."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from ai_models.reporting.page import Page

PAPER = 718
"""Pixels (1/96 inch) across A4 between Chrome's margins of 1 cm."""

TABLES = """
return [...document.querySelectorAll("table")].map(table => ({
  numeric: [...table.tHead.rows[0].cells].map(head => head.classList.contains("number")),
  sorted: [...table.tHead.rows[0].cells].map(head => head.getAttribute("aria-sort")),
  buttons: table.tHead.querySelectorAll("button").length,
  rows: [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent)),
}));
"""
CLICK = 'document.querySelectorAll("table")[arguments[0]].tHead.querySelectorAll("button")[arguments[1]].click()'
SMALLEST = """
const sizes = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const holder = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || ["SCRIPT", "STYLE"].includes(holder.tagName) || holder.closest("defs")) continue;
  if (holder.closest("title, desc, metadata")) continue;
  const svg = holder.ownerSVGElement !== undefined && holder.ownerSVGElement !== null;
  const scale = svg ? holder.ownerSVGElement.getScreenCTM().a : 1;
  sizes.push([svg, parseFloat(getComputedStyle(holder).fontSize) * scale, walk.currentNode.data]);
}
return [true, false].map(svg => sizes.filter(s => s[0] === svg).sort((a, b) => a[1] - b[1])[0] ?? null);
"""
TOO_WIDE = """
return [...document.querySelectorAll(".scroll, figure, .tile, .card, p, h1, h2, h3, nav li")]
  .filter(box => box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "auto")
  .map(box => [box.tagName, box.className, box.scrollWidth, box.clientWidth, box.textContent.slice(0, 60)]);
"""


def _number(text):
    """Return the first number of a cell as Python reads it; None for an empty cell."""
    found = re.search(r"[-−]?\d[\d,]*(\.\d+)?", text)
    return None if found is None else float(found[0].replace(",", "").replace("−", "-"))


def test_console_pictures_and_requests(browser, report):
    for scheme in ("light", "dark"):
        browser.open(report, scheme=scheme)
        pictures = browser.run("return [...document.images].map(i => [i.complete, i.naturalWidth])")
        assert len(pictures) >= 4 or report.name == "report.html"
        assert all(complete and width > 0 for complete, width in pictures)
        asked = browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
        assert [url for url in asked if not url.startswith("data:")] == []
        assert {url for url in browser.requests() if not url.startswith("data:image/")} == {report.as_uri()}
        assert browser.complaints() == []


def test_the_checks_see_a_fault(browser, tmp_path):
    page = Page("t")
    page.section("s", page.table(["a"], [["x"], ["y"]]))
    evil = (
        '<script>document.title = "ran"</script><img src="http://127.0.0.1:9/x.png"><img src="data:image/png;base64,">'
    )
    html = page.html().replace("<main>", f"<main onclick='1'>{evil}<p style='width: 2000px; max-width: none'>wide</p>")
    (tmp_path / "evil.html").write_text(html, encoding="utf-8")
    browser.open(tmp_path / "evil.html")
    complaints = " ".join(browser.complaints())
    assert "script" in complaints
    assert "x.png" in complaints
    assert browser.run("return document.title") == "t"  # only the page's own script may run
    assert browser.run(TABLES)[0]["buttons"] == 1  # and it did
    assert browser.run("return document.scrollingElement.scrollWidth") > 1280
    assert browser.run("return [...document.images].map(i => i.naturalWidth)") == [0, 0]


def test_every_column_of_every_table_sorts(browser, report):
    browser.open(report)
    before = browser.run(TABLES)
    assert sum(len(table["rows"]) > 1 for table in before) >= 3
    for i, table in enumerate(before):
        assert table["buttons"] == (len(table["numeric"]) if len(table["rows"]) > 1 else 0)
        for column in range(table["buttons"]):
            seen = []
            for direction in ("ascending", "descending"):
                browser.run(CLICK, i, column)
                after = browser.run(TABLES)[i]
                assert after["sorted"] == [direction if c == column else None for c in range(len(after["sorted"]))]
                assert sorted(after["rows"]) == sorted(table["rows"])
                seen.append([row[column] for row in after["rows"]])
            for texts, reverse in zip(seen, (False, True), strict=True):
                filled = [text for text in texts if text not in ("", "–")]
                assert texts[: len(filled)] == filled, "what is empty comes last"
                if table["numeric"][column]:
                    assert [_number(t) for t in filled] == sorted(map(_number, filled), reverse=reverse)
            if not table["numeric"][column]:  # the browser's own collation; its order is checked on a known table
                there, back = ([t for t in texts if t not in ("", "–")] for texts in seen)
                assert there == back[::-1]
    assert browser.complaints() == []


@pytest.fixture
def known_table(browser, tmp_path):
    page = Page("t")
    rows = [
        ["IMG_10", "0.91 [0.80, 0.95]", "1,200", "5.0 MB", "b"], ["IMG_9", "–", "30 (16)", "900.0 KB", "a"],
        ["พระรอด", "−0.50 [−0.60, 0.10]", "9", "1.0 GB", "b"], ["กรุ", "1.000 [0.90, 1.00]", "75%", "–", "a"],
        ["apple", "0.091", "", "2.0 MB", "b"],
    ]  # fmt: skip
    page.section("s", page.table(["name", "figure", "count", "size", "tie"], rows))
    page.save(tmp_path / "known.html")
    browser.open(tmp_path / "known.html")


ORDERS = {
    0: ["apple", "IMG_9", "IMG_10", "กรุ", "พระรอด"],
    1: ["พระรอด", "apple", "IMG_10", "กรุ", "IMG_9"],
    2: ["พระรอด", "IMG_9", "กรุ", "IMG_10", "apple"],
    3: ["IMG_9", "apple", "IMG_10", "พระรอด", "กรุ"],
    4: ["IMG_9", "กรุ", "IMG_10", "พระรอด", "apple"],  # equal ones stay as they stood
}


@pytest.mark.parametrize("column", ORDERS)
def test_known_order(browser, known_table, column):
    browser.run(CLICK, 0, column)
    assert [row[0] for row in browser.run(TABLES)[0]["rows"]] == ORDERS[column]


def test_the_keyboard_sorts(browser, known_table):
    browser.run('document.querySelectorAll("th button")[2].focus()')
    for kind in ("keyDown", "keyUp"):
        browser.devtools(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
        )
    assert [row[0] for row in browser.run(TABLES)[0]["rows"]] == ORDERS[2]


@pytest.mark.parametrize("width", [1280, 400])
def test_fits_the_window(browser, report, width):
    browser.open(report, width=width)
    assert browser.run("return [innerWidth, document.scrollingElement.scrollWidth]") == [width, width]
    assert browser.run(TOO_WIDE) == []
    chart, text = browser.run(SMALLEST)
    assert text[1] >= 12, text
    assert chart is None or chart[1] >= 9, chart


def test_dark_and_light_are_readable(browser, report):
    for scheme in ("light", "dark"):
        browser.open(report, scheme=scheme)
        for inside in ("main p", "td", "th", "figcaption", "nav a", ".tile small", "footer"):
            ink, paper = browser.run(
                """
                const one = document.querySelector(arguments[0]);
                if (one === null) return [null, null];
                let under = one;
                while (getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)") under = under.parentElement;
                return [getComputedStyle(one).color, getComputedStyle(under).backgroundColor];
                """,
                inside,
            )
            assert ink is None or _contrast(ink, paper) >= 4.5, (scheme, inside, ink, paper)


def _contrast(one, other):
    """Return the contrast ratio of WCAG 2.2 (1.4.3 asks for 4.5)."""
    luminances = []
    for colour in (one, other):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        luminances.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def test_thai_names_are_in_the_text(browser, inspection_report):
    browser.open(inspection_report)
    text = browser.run("return document.body.innerText")
    assert "พระเครื่อง" in text
    assert "ลายทาง" in text


def test_prints_whole(browser, report, tmp_path):
    browser.open(report, width=PAPER, medium="print")
    wide = "return [...document.querySelectorAll('.scroll, figure')].map(b => b.scrollWidth - b.clientWidth)"
    assert max(browser.run(wide)) <= 1
    browser.open(report)
    browser.run(CLICK, 0, 0)
    (tmp_path / "page.pdf").write_bytes(browser.pdf())
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", (tmp_path / "page.pdf").read_bytes()))
    assert 2 <= pages <= 40
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True
        ).stdout
        for title in browser.run("return [...document.querySelectorAll('h2')].map(h => h.textContent)"):
            assert _joined(title) in _joined(text)  # a long name breaks within itself


def _joined(text):
    return "".join(text.split())


def test_a_long_table_has_its_head_on_every_page(browser, tmp_path):
    if not shutil.which("pdftotext"):
        pytest.skip("no pdftotext: install Debian's poppler-utils")
    page = Page("t")
    page.section("s", page.table(["name", "figure"], [[f"row {i}", i] for i in range(90)]))
    page.save(tmp_path / "long.html")
    browser.open(tmp_path / "long.html")
    browser.run(CLICK, 0, 0)
    (tmp_path / "long.pdf").write_bytes(browser.pdf())
    done = subprocess.run(["pdftotext", tmp_path / "long.pdf", "-"], capture_output=True, text=True, check=True)
    sheets = [sheet for sheet in done.stdout.split("\f") if "row" in sheet]
    assert len(sheets) >= 2
    assert all("figure" in sheet for sheet in sheets)
    assert sorted(re.findall(r"row (\d+)", done.stdout), key=int) == [str(i) for i in range(90)]


def test_whole_without_scripts(browser, report):
    browser.open(report)
    texts = "return [...document.querySelectorAll('main td, main th, main p, main h2')].map(e => e.textContent)"
    with_scripts = browser.run(texts)
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report)
        assert browser.run("return document.querySelectorAll('th button').length") == 0
        assert browser.run(texts) == with_scripts
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
