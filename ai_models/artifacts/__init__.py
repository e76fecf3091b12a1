"""Model directories: written whole, described by `bundle.json`, checked before anything is unpickled."""

from ai_models.artifacts.bundle import FORMAT, load_model, read_bundle, read_file, save_bundle, verify_bundle

__all__ = ["FORMAT", "load_model", "read_bundle", "read_file", "save_bundle", "verify_bundle"]
