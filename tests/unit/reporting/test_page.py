"""The page: everything escaped, nothing loaded, nothing run but its own script."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from markupsafe import Markup

from ai_models.reporting.charts import bar_chart
from ai_models.reporting.page import Cell, GalleryItem, Page
from ai_models.reporting.thumbnails import thumbnail

EVIL = "<script>alert(1)</script>\"'& พระ \udcfe \x07"
PICTURE = thumbnail(np.zeros((10, 20, 3), np.uint8))


class Reader(HTMLParser):
    """Tags, attributes and whether what opens closes."""

    VOID = frozenset({"meta", "img", "wbr", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page():
    page = Page(EVIL, EVIL)
    page.section(
        EVIL,
        EVIL,
        page.tiles([(EVIL, EVIL, EVIL), ("n", 3, "")]),
        page.table([EVIL, "n"], [[EVIL, 1], [Cell(EVIL, "bad"), 2.5]]),
        page.pair(page.figure(bar_chart([EVIL], {"n": [1]}), EVIL)),
        page.heading(EVIL),
        page.gallery([GalleryItem(PICTURE, EVIL, (EVIL,)), GalleryItem("", EVIL)]),
        page.picture(PICTURE, EVIL, EVIL),
        "",
        note=EVIL,
    )
    page.section("Second")
    return page


def test_every_text_is_escaped_and_all_tags_close(page):
    reader = Reader()
    reader.feed(page.html())
    assert reader.open == []
    assert reader.tags.count("script") == 1
    assert sum("<script>alert(1)</script>" in text for text in reader.text) >= 12
    assert not any(name.startswith("on") for name, _ in reader.attributes)


def test_nothing_is_loaded(page):
    html = page.html()
    assert set(re.findall(r"""(?:src|href)="(#|data:|[a-z]+:)""", html)) <= {"#", "data:"}
    assert "@import" not in html
    assert "default-src 'none'" in html
    for external in re.findall(r"https?://[^\s\"'<)]+", html):
        assert external == "http://www.w3.org/2000/svg"  # the name of a namespace, not a place


def test_the_policy_names_the_one_script(page):
    """Counted anew over the script as it stands in the page; a browser refuses every other."""
    html = page.html()
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in html
    assert "querySelectorAll" in script


def test_contents_lead_to_the_sections(page):
    html = page.html()
    targets = re.findall(r'href="#(s\d+)"', html)
    assert targets == re.findall(r'<section id="(s\d+)"', html) == ["s1", "s2"]


def test_saved_as_utf8_and_equal_each_time(page, tmp_path):
    first, second = page.save(tmp_path / "a.html"), page.save(tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()
    assert "พระ" in first.read_text("utf-8")


def test_numbers_stand_right():
    table = Page.table(["class", "images", "F1"], [["a", 3, "0.900 [0.8, 1.0]"], ["b", 1200, "–"]])
    assert table.count('class="number"') == 6
    assert '<td class="number">0.250</td>' in Page.table(["x"], [[0.25]])
    assert "–" in Page.table(["x"], [[float("nan")]])


def test_long_names_may_break():
    assert "phra_<wbr>sivali" in Page.table(["x"], [["phra_sivali"]])


def test_faults_of_the_caller():
    with pytest.raises(ValueError, match="expected 2 cells"):
        Page.table(["a", "b"], [["only one"]])
    with pytest.raises(TypeError, match="expected what a chart"):
        Page.figure("<svg onload=alert(1)>")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="data URI"):
        GalleryItem("javascript:alert(1)", "x")


def test_a_part_may_be_markup_of_ours():
    page = Page("t")
    page.section("s", Page.heading("inner"), "plain <b>")
    assert "<h3>inner</h3>" in page.html()
    assert "plain &lt;b&gt;" in page.html()
    assert isinstance(Page.heading("x"), Markup)
