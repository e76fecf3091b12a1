"""How the service is set up: settings from the environment, and where its model is."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ai_models.core.config import Config, setting
from ai_models.core.errors import ConfigError, DataError

__all__ = ["MODELS", "PREFIX", "ServiceSettings", "newest_model_dir"]

PREFIX = "AMULET_AI_"
"""The setting NAME is read from the variable ``AMULET_AI_NAME``."""
MODELS = Path("saved_models")
_AROUND = 64 * 2**10  # bytes of a body beside the image: other fields, a data: prefix, the multipart's headers


@dataclass(frozen=True)
class ServiceSettings(Config):
    """How the service answers; each setting may come from the environment, such as ``AMULET_AI_MODEL_DIR``."""

    model_dir: str = setting("", "model directory; empty for the newest below saved_models/")
    max_bytes: int = setting(20 * 2**20, "largest image file in bytes", ge=1024, le=256 * 2**20)
    max_pixels: int = setting(64_000_000, "most pixels of an image, judged before decoding", ge=1, le=67_108_864)
    threads: int = setting(2, "images that are decoded and judged at once", ge=1, le=64)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Self:
        """Read the settings from the environment.

        Parameters
        ----------
        environment
            Variables by name; those of the process when None.
        given
            Settings that win over the environment; None where nothing is given.

        Raises
        ------
        ConfigError
            Listing every variable and every setting that cannot be used.
        """
        variables = os.environ if environment is None else environment
        values = {name: value for name, value in given.items() if value is not None}
        faults = []
        for f in dataclasses.fields(cls):
            variable = f"{PREFIX}{f.name.upper()}"
            text = variables.get(variable, "").strip()
            if not text or f.name in values:
                continue
            try:
                values[f.name] = text if isinstance(f.default, str) else int(text)
            except ValueError:
                faults.append(f"{variable} must be a whole number, got {text[:40]!r}")
        if faults:
            raise ConfigError(faults)
        return cls.from_dict(values)

    def model_directory(self) -> Path:
        """Return the model directory: the one that is set, else the newest below ``saved_models/``."""
        return Path(self.model_dir) if self.model_dir else newest_model_dir(MODELS)

    def body_limit(self, *, encoded: bool) -> int:
        """Return the most bytes of a body that holds the largest image, as a file or encoded in base64."""
        return _AROUND + (-(-self.max_bytes // 3) * 4 if encoded else self.max_bytes)


def newest_model_dir(parent: Path) -> Path:
    """Return the folder in `parent` whose ``bundle.json`` was written last (the later name where times are equal).

    Raises
    ------
    DataError
        When there is none.
    """
    found = [(bundle.stat().st_mtime_ns, bundle.parent) for bundle in parent.glob("*/bundle.json")]
    if not found:
        raise DataError(
            f"no model found in '{parent}/': train one with `amulet-ai run`, or name its folder with --model-dir "
            f"or {PREFIX}MODEL_DIR"
        )
    return max(found)[1]
