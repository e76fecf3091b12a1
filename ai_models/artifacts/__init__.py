"""Model directories: written whole, described by `bundle.json`, checked before anything is unpickled."""

from ai_models.artifacts.bundle import FORMAT, load_model, read_bundle, read_file, save_bundle, verify_bundle
from ai_models.artifacts.golden import Golden, read_golden

__all__ = [
    "FORMAT",
    "Golden",
    "load_model",
    "read_bundle",
    "read_file",
    "read_golden",
    "save_bundle",
    "verify_bundle",
]
