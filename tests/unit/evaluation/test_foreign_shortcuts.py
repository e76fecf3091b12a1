"""Foreign images before another background: the report says that the background alone tells them."""

import pytest
from PIL import Image

from ai_models.core.settings import EvaluationConfig
from ai_models.evaluation import PerformanceAnalyzer
from ai_models.evaluation.foreign_shortcuts import shortcut_sentence
from ai_models.evaluation.report import write_report

CONFIG = EvaluationConfig(bootstrap_draws=100, workers=1, gallery_size=0)


@pytest.fixture(scope="module")
def found(whole_model_dir, strange_dir):
    return PerformanceAnalyzer(CONFIG).analyze(whole_model_dir, ood_dirs=[strange_dir])


def test_the_background_tells_foreign_from_known(found, strange_dir):
    probe = found.metrics["ood_shortcuts"][strange_dir.name]
    assert probe["images"] == 42 + 9
    assert probe["groups"] == 39 + 9  # three pairs of known photographs show one object
    assert probe["chance"] == 0.5
    border = probe["traits"]["border pixels"]
    assert border["material"]
    assert border["balanced_accuracy"]["estimate"] > 0.9
    assert probe["traits"]["image size"]["same_for_all"]


def test_the_report_says_what_that_means(found, strange_dir, tmp_path):
    page = write_report(found, tmp_path / "report.html", CONFIG).read_text("utf-8")
    assert f"Unknown objects: shortcuts against &#39;{strange_dir.name}&#39;" in page
    assert "may measure the background" in page
    assert "border pixels" in page


def test_quick_mode_and_no_foreign_folder_ask_nothing(whole_model_dir, strange_dir):
    quick = EvaluationConfig(quick=True, bootstrap_draws=100, workers=1)
    assert PerformanceAnalyzer(quick).analyze(whole_model_dir, ood_dirs=[strange_dir]).metrics["ood_shortcuts"] == {}
    assert PerformanceAnalyzer(quick).analyze(whole_model_dir).metrics["ood_shortcuts"] == {}


def test_too_few_foreign_images_are_not_asked(whole_model_dir, tmp_path):
    (tmp_path / "few").mkdir()
    for i in range(4):
        Image.new("RGB", (48, 48), (i, 200, 10)).save(tmp_path / "few" / f"{i}.png")
    metrics = PerformanceAnalyzer(CONFIG).analyze(whole_model_dir, ood_dirs=[tmp_path / "few"]).metrics
    assert metrics["ood_shortcuts"] == {}


def test_nothing_shown_is_said_so():
    probe = {"chance": 0.5, "traits": {"camera": {"material": False, "balanced_accuracy": None}}}
    assert shortcut_sentence("coins", probe).startswith("No trait beside the object was shown")
