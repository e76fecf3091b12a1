"""Model directories: written whole, described by `bundle.json`, vouched for and checked before anything is unpickled.

``bundle`` writing and loading · ``opening`` what is checked, in which order · ``vouching`` who vouches for it ·
``description`` ``format_2`` the formats of ``bundle.json`` · ``canonical`` its one spelling · ``folder`` reading
without being led astray · ``trust`` ``trust_store`` what the user trusts · ``keys`` ``signature`` ``signing``
signatures · ``unpickling`` ``allowed_names`` ``stand_ins`` what a pickle may do · ``golden`` pictures by which
another machine checks itself · ``skops_copy`` the estimators without a pickle
"""

from ai_models.artifacts.bundle import load_model, read_bundle, read_file, save_bundle, verify_bundle
from ai_models.artifacts.description import FORMAT
from ai_models.artifacts.golden import Golden, read_golden
from ai_models.artifacts.opening import OpenedModel, check_bundle, open_model
from ai_models.artifacts.skops_copy import load_estimators
from ai_models.artifacts.trust import Standing, Trust

__all__ = [
    "FORMAT",
    "Golden",
    "OpenedModel",
    "Standing",
    "Trust",
    "check_bundle",
    "load_estimators",
    "load_model",
    "open_model",
    "read_bundle",
    "read_file",
    "read_golden",
    "save_bundle",
    "verify_bundle",
]
