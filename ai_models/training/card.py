"""The model card: what the model is, what it reached, what it must not be used for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai_models.core.counts import photographs_of, plural
from ai_models.core.settings import FeatureConfig
from ai_models.ensemble.conformal import groups_needed
from ai_models.ensemble.judge import Judge

if TYPE_CHECKING:
    from ai_models.training.trainer import TrainingResult

__all__ = ["beside", "model_card"]

_FIGURES = {
    "nll": "log loss (NLL), nats",
    "brier": "Brier score, 0 to 2",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "f1_macro": "macro F1",
    "ece": "calibration error (ECE)",
}


def beside(metrics: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the plain classifiers that every vote is told beside: on all of its embeddings, with their figures."""
    view = "+".join(metrics["networks"]["blocks"])
    return [(f, metrics["alone"][f]) for f in (f"logistic({view})", f"lda({view})") if f in metrics["alone"]]


def model_card(result: TrainingResult, metrics: dict[str, Any]) -> str:
    """Return the Markdown of ``MODEL_CARD.md``, after the model cards of Mitchell et al. (2019).

    Parameters
    ----------
    result
        What training made.
    metrics
        As `ai_models.training.figures.training_metrics` gives them.
    """
    model = result.model
    judged = metrics.get("held_out") or metrics["out_of_fold"]
    where = "held-out photographs" if "held_out" in metrics else "out of fold"
    votes = metrics["vote"]["members"]
    lines = [
        f"# Model card: {len(model.classes)} classes",
        "",
        "## What it does",
        "",
        "Says which of these classes a photograph shows, how likely each is, which classes cannot be ruled out, and",
        "whether the photograph is unlike everything that the model was trained on.",
        "",
        "| class | photographs | objects |",
        "|---|---|---|",
        *(f"| {_cell(c)} | {n['images']} | {n['groups']} |" for c, n in metrics["training"]["classes"].items()),
        "",
        f"## What it reached ({where}: {photographs_of(judged['images'], judged['groups'])})",
        "",
        "| figure | value | 95 % interval |",
        "|---|---|---|",
        *(f"| {label} | {judged[name]:.3f} | {_ends(judged, name)} |" for name, label in _FIGURES.items()),
        f"| prediction sets that hold the true class (promised {model.judge.coverage:.0%}) "
        f"| {judged['set_coverage']:.3f} | {_ends(judged, 'set_coverage')} |",
        f"| classes in a set, mean | {judged['set_size']:.2f} | {_ends(judged, 'set_size')} |",
        f"| sets by class that hold the true class (promised within each) "
        f"| {judged['set_by_class_coverage']:.3f} | {_ends(judged, 'set_by_class_coverage')} |",
        f"| classes in a set by class, mean | {judged['set_by_class_size']:.2f} | |",
        "",
        f"A perfectly calibrated model would show a calibration error of {judged['ece_of_a_calibrated_model']:.3f}",
        "with so few photographs. Intervals are over objects: photographs of one object (and its copies) count",
        "together and never stand on both sides of a split. `amulet-ai evaluate` says what can be claimed.",
        "",
        "## What it is made of",
        "",
        f"* Features: {', '.join(model.extractor.block_slices)} (digest `{model.extractor.digest()[:16]}`).",
        *_too_dear(result),
        *_networks(result),
        *(f"* {v['share']:.1%} of the vote: {v['member']}" for v in votes),
        *_alone(metrics),
        f"* The vote is trusted at {metrics['vote']['trust_over_logistic_regression']:.0%} against plain logistic "
        "regression on the embedding.",
        *_worth(metrics),
        f"* Temperature {metrics['vote']['temperature']:.4g}, fitted last, on out-of-fold logits.",
        "",
        "## Limits",
        "",
        "* It knows only the classes above; another kind of object should come back as `ood`, and some will not. How",
        "  well another class of the same kind would be noticed is measured by `amulet-ai evaluate`.",
        f"* {_on_false_alarms(model.judge)}",
        *(f"* {line}" for line in _on_sets(metrics["prediction_sets"])),
        "* The figures hold for photographs made like the training ones; another background, camera or light is",
        "  another question, to be measured with `amulet-ai evaluate --test-data-dir`.",
        "* A result is a preliminary assessment that an expert should confirm.",
        "",
    ]
    return "\n".join(lines)


def _too_dear(result: TrainingResult) -> list[str]:
    if not result.too_dear:
        return []
    limit = result.model.metadata["training"]["max_ms_per_image"]
    return [
        f"* Left out: {', '.join(result.too_dear)}. The features of an image were to take at most {limit:g} ms on the "
        "machine of the training."
    ]


def _networks(result: TrainingResult) -> list[str]:
    """Return the names of the networks, and what decided on them where there was a choice."""
    config, decided = result.model.extractor.config or FeatureConfig(), result.decision.networks
    named = {
        "cnn": f"{config.backbone} at {config.image_size} pixels",
        "cnn_wide": f"{config.wide_backbone} at {config.wide_image_size} pixels",
    }
    lines = [f"* Network: {named[name]}." for name in config.networks]
    return lines + [f"* Networks, {step}." for step in (decided.steps if decided else ())]


def _worth(metrics: dict[str, Any]) -> list[str]:
    """Return what each part gains, with its 95 % interval."""
    lines = []
    for part in metrics["worth"]:
        gain = part["nll_gain"]
        interval = "" if gain["low"] is None else f" [{gain['low']:+.3f}, {gain['high']:+.3f}]"
        lines.append(
            f"* {'Kept' if part['kept'] else 'Dropped'}: {part['of']} {_cell(part['part'])}, gain in log-loss "
            f"{gain['mean']:+.3f}{interval} over {gain['groups']} objects."
        )
    return lines


def _alone(metrics: dict[str, Any]) -> list[str]:
    """Return how the plain baselines do on the rows on which the vote was decided."""
    found = beside(metrics)
    return [
        f"* Alone, out of fold: {family}, balanced accuracy {s['balanced_accuracy']:.3f}, log-loss {s['nll']:.3f}."
        for family, s in found or list(metrics["alone"].items())[:1]
    ]


def _on_false_alarms(judge: Judge) -> str:
    if judge.outliers.n_groups_ < groups_needed(1.0 - judge.alpha):
        return (
            f"Nothing is called `ood`: a false-alarm rate of {judge.alpha:.0%} needs "
            f"{groups_needed(1.0 - judge.alpha)} objects, training had {judge.outliers.n_groups_}."
        )
    return f"About {judge.alpha:.0%} of ordinary photographs are called `ood`: the stated false-alarm rate."


def _ends(judged: dict[str, Any], name: str) -> str:
    low, high = judged["intervals"][name]
    return "none" if low is None else f"{low:.3f} to {high:.3f}"


def _on_sets(promised: dict[str, Any]) -> list[str]:
    """Return how far the coverage can be trusted, and which classes have no promise of their own."""
    pooled = promised["pooled"]
    expected = pooled["to_expect"]
    few = [f"{_cell(c)} ({n['groups']})" for c, n in promised["classes"].items() if n["reference"] == "pooled"]
    lines = [
        f"Prediction sets ({promised['method'].upper()}) are calibrated on {plural(pooled['groups'], 'object')}: "
        f"expect {expected['low']:.1%} to {expected['high']:.1%} of them to hold the true class."
    ]
    if few:
        lines.append(
            f"Too few objects for {promised['coverage']:.0%} within the class ({promised['groups_needed']} needed), "
            f"so the pooled set stands in: {', '.join(few)}."
        )
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
