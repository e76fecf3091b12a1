"""Stage 1: a folder of images -> its manifest with groups, findings, and a report.

``scan`` looks (one decode an image) and groups; ``findings``, ``advise`` and ``score`` judge what was seen;
``inspect_dataset`` writes ``inspection.json``, ``manifest.csv`` and ``inspection.html``.
"""

from ai_models.inspection.advice import Advice, advise
from ai_models.inspection.findings import Finding, findings
from ai_models.inspection.scanning import Scan, scan
from ai_models.inspection.score import DatasetScore, score
from ai_models.inspection.stage import DatasetInspector, Inspection, inspect_dataset

__all__ = [
    "Advice",
    "DatasetInspector",
    "DatasetScore",
    "Finding",
    "Inspection",
    "Scan",
    "advise",
    "findings",
    "inspect_dataset",
    "scan",
    "score",
]
