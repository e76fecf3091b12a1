"""Charts: sound SVG, text as text, equal for equal input, nothing left behind in matplotlib."""

from __future__ import annotations

import re
import unicodedata
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from markupsafe import Markup

from ai_models.metrics import Interval, reliability, wilson
from ai_models.reporting import charts, classifier_charts, explanation_charts
from ai_models.reporting.svg import display_text, short

NAMES = ["พระสมเด็จ", "a & <b>", "_under $x$", "bad\udcffbyte\x01", "long " * 20]
RNG = np.random.default_rng(0)
SHARES = [wilson(x, 10) for x in (0, 3, 5, 9, 10)]
NOTHING = Interval(float("nan"), float("nan"), float("nan"))


def draw(name):
    p = np.random.default_rng(1).dirichlet(np.ones(5), 60)
    y = p.argmax(1)
    return {
        "bar": lambda: charts.bar_chart(NAMES, {"images": [1, 2, 3, 4, 5], "groups": [1, 1, 2, 2, 3]}, x_label="n"),
        "histogram": lambda: charts.histogram(
            {n: [0.1 * i, 0.5, np.nan] for i, n in enumerate(NAMES)}, marks={"limit": 0.3}, x_label="blur"
        ),
        "log histogram": lambda: charts.histogram({"x": [1, 10, 1000.0]}, log_x=True),
        "scatter": lambda: charts.scatter([1, 20, 300, 5, 6], [3, 40, 500, 7, 8], kinds=NAMES, log=True),
        "line": lambda: charts.line_chart([1, 2, 3, 4, 5], dict.fromkeys(NAMES[:2], SHARES), x_label="n"),
        "interval": lambda: charts.interval_plot(NAMES, {"r": SHARES, "F1": [NOTHING] * 5}, reference={"x": 0.8}),
        "interval bars": lambda: charts.interval_bars(NAMES, SHARES, x_label="increase"),
        "confusion": lambda: classifier_charts.confusion_matrix_chart(np.diag([3, 0, 2, 1, 9]), NAMES),
        "reliability": lambda: classifier_charts.reliability_diagram(reliability(y, p, 10)),
        "signed": lambda: explanation_charts.signed_bars(dict(zip(NAMES, [2.0, -1, 0, 0.5, -0.1], strict=True))),
        "removal": lambda: explanation_charts.removal_curves([0, 1], [[0, 0.5], [0.2, 1]], [0, 0], x_label="share"),
        "roc": lambda: classifier_charts.roc_curves([0, 1, 2.0], {n: [1.5, 3] for n in NAMES}, alpha=0.05),
    }[name]()  # fmt: skip


KINDS = ["bar", "histogram", "log histogram", "scatter", "line", "interval", "interval bars", "confusion",
         "reliability", "roc", "signed", "removal"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_sound_and_repeatable(kind):
    svg = draw(kind)
    assert isinstance(svg, Markup)
    root = ElementTree.fromstring(str(svg))
    assert root.get("role") == "img"
    assert root.get("aria-label")
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    referenced = set(re.findall(r"url\(#([^)]+)\)", svg)) | {v[1:] for v in re.findall(r'href="([^"]*)"', svg)}
    assert referenced == set(ids)
    assert "font-family" not in svg
    assert "DejaVu" not in svg
    assert "mathdefault" not in svg
    assert draw(kind) == svg


@pytest.mark.parametrize("kind", ["bar", "interval", "interval bars", "confusion", "signed"])
def test_names_are_text(kind):
    texts = {e.text for e in ElementTree.fromstring(str(draw(kind))).iter() if e.tag.endswith("text")}
    assert any(text and text.startswith("พระสมเด็จ") for text in texts)
    assert any(text and text.startswith("a & <b>") for text in texts)
    assert any(text and "$x$" in text for text in texts)
    assert any(text and r"bad\xffbyte" in text for text in texts)


def test_a_legend_names_every_series():
    svg = draw("roc")
    for name in ("พระสมเด็จ", "_under $x$"):
        assert name in svg


def test_two_charts_share_no_id():
    def ids(svg):
        return set(re.findall(r'id="([^"]+)"', svg))

    assert not ids(draw("line")) & ids(draw("roc"))
    assert ids(draw("line"))


def test_settings_of_matplotlib_stay():
    with mpl.rc_context({"font.size": 33.0, "svg.fonttype": "path"}):
        before = dict(mpl.rcParams)
        draw("bar")
        assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("empty", [{}, {"x": []}, {"x": [np.nan]}, {"x": [5.0]}])
def test_little_or_nothing_to_show(empty):
    assert "<svg" in charts.histogram(empty)
    assert "<svg" in charts.bar_chart([], {"n": []})
    assert "<svg" in charts.scatter([], [])
    assert "<svg" in classifier_charts.roc_curves([], {"none": []})
    assert "<svg" in classifier_charts.reliability_diagram(reliability(np.empty(0, int), np.empty((0, 2)), 5))


def test_bars_are_as_long_as_their_values():
    """The path of each bar, in the chart's own units: widths stand as 1 : 2 : 4."""
    root = ElementTree.fromstring(str(charts.bar_chart(["a", "b", "c"], {"n": [1, 2, 4]})))
    widths = []
    for element in root.iter():
        if "series-1" in element.get("style", "") and element.tag.endswith("path"):
            x = [float(v) for v in re.findall(r"[ML] (-?[\d.]+) ", element.get("d", ""))]
            widths.append(max(x) - min(x))
    assert np.array(widths) / widths[0] == pytest.approx([1, 2, 4], rel=1e-4)


def test_signed_bars_go_to_both_sides():
    root = ElementTree.fromstring(str(explanation_charts.signed_bars({"for": 2.0, "against": -1.0})))
    spans = {}
    for element in root.iter():
        for series in ("series-1", "series-2"):
            if series in element.get("style", "") and element.tag.endswith("path"):
                x = [float(v) for v in re.findall(r"[ML] (-?[\d.]+) ", element.get("d", ""))]
                spans[series] = (min(x), max(x))
    assert spans["series-1"][0] == pytest.approx(spans["series-2"][1])
    assert np.ptp(spans["series-1"]) == pytest.approx(2 * np.ptp(spans["series-2"]), rel=1e-4)


def test_long_names_lose_their_middle_and_no_mark_is_torn_off():
    assert short("abc") == "abc"
    assert short("x" * 60, 11) == "xxxxxx…xxxx"
    for most in range(6, 26):
        shown = short("พระสมเด็จ วัดระฆังโฆสิตาราม รุ่นแรก", most)
        head, _, tail = shown.partition("…")
        assert len(shown) <= most
        assert unicodedata.category(tail[0]) != "Mn"
        after = "พระสมเด็จ วัดระฆังโฆสิตาราม รุ่นแรก"[len(head)]
        assert unicodedata.category(after) != "Mn"


def test_display_text_applied_twice_changes_nothing():
    once = display_text("a\\b\udcff\x00\n\ud800 พ")
    assert once == "a\\b\\xff\ufffd \ufffd พ"
    assert display_text(once) == once
