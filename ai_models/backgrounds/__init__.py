"""Backgrounds of one colour: where they are, and what stands there instead."""

from __future__ import annotations

from ai_models.backgrounds.finding import Background, find_background
from ai_models.backgrounds.replacing import recoloured, replaced
from ai_models.backgrounds.textures import TEXTURES, paint

__all__ = ["TEXTURES", "Background", "find_background", "paint", "recoloured", "replaced"]
