"""Stage 1: a folder of images -> its manifest with groups, findings, and a report."""

from ai_models.inspection.findings import Finding
from ai_models.inspection.scanning import Scan, scan

__all__ = ["Finding", "Scan", "scan"]
