"""Charts, thumbnails and the self-contained page: one look for every report.

Import from the modules: `charts` (general), `classifier_charts` (confusion, reliability, ROC), `thumbnails`, `page`.
"""
