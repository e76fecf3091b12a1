"""What the table calls a trait."""

import pytest

from ai_models.reporting.page import Page
from ai_models.reporting.shortcut_section import shortcut_parts


@pytest.mark.parametrize(
    ("p_holm", "material", "standing"),
    [(0.01, True, "shortcut"), (0.05, False, "slight"), (0.051, False, "none shown")],
)
def test_standing(p_holm, material, standing):
    told = {"estimate": 0.6, "low": 0.5, "high": 0.7, "level": 0.95}
    trait = {"same_for_all": False, "balanced_accuracy": told, "p_value": 0.005, "p_holm": p_holm, "material": material}
    same = {"same_for_all": True, "balanced_accuracy": None, "p_value": None, "p_holm": None, "material": False}
    probe = {"chance": 0.5, "images": 9, "groups": 8, "permutations": 200, "traits": {"camera": trait, "size": same}}
    chart, table = shortcut_parts(Page("t", "s"), probe, what="the class")
    assert "guessing (0.50)" in chart
    assert [word for word in ("shortcut", "slight", "none shown") if word in table] == [standing]
    assert "the same for every photograph" in table
    assert len(shortcut_parts(Page("t", "s"), probe | {"traits": {"size": same}}, what="the class")) == 1
