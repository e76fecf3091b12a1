"""The grammar of claims."""

import pytest

from ai_models.core.errors import ConfigError
from ai_models.core.settings import EvaluationConfig
from ai_models.core.statements import Statement, parse_statement


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ece < 0.05", Statement("ece", False, 0.05)),
        ("ece<.05", Statement("ece", False, 0.05)),
        ("balanced_accuracy > 87 %", Statement("balanced_accuracy", True, 0.87)),
        ("f1 > 0.85 in every class", Statement("f1", True, 0.85, every_class=True)),
        ("recall > 80% in class พระ นาคปรก", Statement("recall", True, 0.8, name="พระ นาคปรก")),
        ("auroc > 0.9 on ood coins", Statement("auroc", True, 0.9, name="ood coins")),
        ("model_mb < 50", Statement("model_mb", False, 50.0)),
    ],
)
def test_reads_and_writes(text, expected):
    assert parse_statement(text) == expected
    assert parse_statement(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ("ece", "cannot be read"),
        ("ece = 0.05", "cannot be read"),
        ("ece <= 0.05", "cannot be read"),
        ("ece < five", "cannot be read"),
        ("ece < 0.05 and f1 > 1", "cannot be read"),
        ("balanced-acuracy > 0.9", "did you mean 'balanced_accuracy'"),
        ("quality > 0.9", "known are nll"),
        ("f1 > 0.85", "add 'in every class'"),
        ("auroc > 0.9", "--ood-dir"),
        ("accuracy > 0.9 in every class", "leave out what follows"),
        ("f1 > 0.9 on coins", "add 'in every class'"),
        ("auroc > 0.9 in class a", "--ood-dir"),
    ],
)
def test_refuses_in_a_clause(text, says):
    with pytest.raises(ValueError, match=says):
        parse_statement(text)


def test_settings_name_every_fault_at_once():
    with pytest.raises(ConfigError) as caught:
        EvaluationConfig(claims=("f1 > 0.85", "ece < 0.05", "eec < 0.05"))
    assert len(caught.value.faults) == 2
