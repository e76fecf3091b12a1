"""A model directory and images -> why the model says what it says of each: pictures, numbers, a page."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ai_models.artifacts import Trust, load_model
from ai_models.core.config import canonical_json
from ai_models.core.counts import plural
from ai_models.core.errors import AmuletError, DataError, ImageError
from ai_models.core.images import RGBImage, read_image
from ai_models.core.paths import prepare_output_dir, require_dir, to_text, write_bytes
from ai_models.core.progress import progress
from ai_models.core.settings import ExplainConfig
from ai_models.evaluation.explanation_json import explanation_json
from ai_models.evaluation.rows import content_hash
from ai_models.evidence import load_evidence
from ai_models.explaining import Evidence, Explainer, Explanation, overlay

__all__ = ["Explained", "explain_images", "photograph_and_map"]

_SIDE = 560  # of a photograph in a picture


@dataclass(frozen=True)
class Explained:
    """One image and what is told of it.

    Attributes
    ----------
    file
        As it was given.
    explanation
        None where the image cannot be read.
    note
        What a reader must know first: why it cannot be read, or that the model was trained on it.
    picture
        Photograph and heat map side by side, uint8 (h, w, 3); None where there is no map.
    """

    file: Path
    explanation: Explanation | None
    note: str
    picture: RGBImage | None


def explain_images(
    model_dir: str | os.PathLike[str],
    files: Sequence[Path],
    output_dir: str | os.PathLike[str],
    config: ExplainConfig | None = None,
    *,
    overwrite: bool = False,
    trust: Trust | None = None,
) -> list[Explained]:
    """Explain what a model says of images and write ``explain.html``, ``explanations.json`` and a PNG an image.

    Parameters
    ----------
    model_dir
        What training wrote.
    files
        Images, at least one.
    output_dir
        A new or empty folder.
    config
        How many neighbours, steps, random maps; defaults where None.
    overwrite
        Whether an earlier result in `output_dir` may be replaced.
    trust
        What the model must show before it is opened; by default what the user has set.

    Raises
    ------
    AmuletError
        When the model or the output folder cannot be used, or none of the images can be read.
    """
    config = config or ExplainConfig()
    folder = require_dir(model_dir, what="--model-dir")
    output = prepare_output_dir(output_dir, ours="explanations.json", overwrite=overwrite)
    model = load_model(folder, trust=trust)
    model.extractor.workers = config.workers
    evidence = load_evidence(folder, model)
    explainer = Explainer(model, evidence, config)
    found = [_explained(explainer, file) for file in progress(files, total=len(files), label="explain")]
    if all(one.explanation is None for one in found):
        raise DataError(f"none of the {len(found)} images can be read (the first, '{found[0].file}': {found[0].note})")
    names = [f"{i:03d}-{_plain(one.file.stem)}.png" for i, one in enumerate(found, start=1)]
    for name, one in zip(names, found, strict=True):
        if one.picture is not None:
            write_bytes(output / name, _png(one.picture))
    rows = [
        {"path": to_text(os.fspath(one.file)), "note": one.note, "picture": name if one.picture is not None else "",
         "explanation": None if one.explanation is None else explanation_json(one.explanation)}
        for name, one in zip(names, found, strict=True)
    ]  # fmt: skip
    write_bytes(output / "explanations.json", _pretty({"settings": config.to_dict(), "images": rows}))
    _write_page(output / "explain.html", found, evidence, folder)
    return found


def photograph_and_map(file: Path, explanation: Explanation) -> RGBImage | None:
    """Return a photograph beside its heat map, uint8 (h, w, 3); None where there is no map."""
    if explanation.heat_map is None:
        return None
    image = _within(read_image(file, size=_SIDE), _SIDE)
    gap = np.full((image.shape[0], 8, 3), 255, dtype=np.uint8)
    return np.concatenate([image, gap, overlay(image, explanation.heat_map.maps)], axis=1)


def _explained(explainer: Explainer, file: Path) -> Explained:
    digest = content_hash(file)
    known = [r for r in explainer.evidence.records if digest and r.sha256 == digest]
    group, note = None, ""
    if known:
        place = explainer.evidence.records.index(known[0])
        group = str(explainer.evidence.groups[place])
        note = (
            f"The model was trained on this very photograph ('{known[0].path}'), so its prediction proves nothing; "
            "other photographs of the same object are left out of the nearest ones."
        )
    try:
        explanation = explainer.explain(file, without_group=group)
        return Explained(file, explanation, note, photograph_and_map(file, explanation))
    except ImageError as error:
        return Explained(file, None, f"not explained, {error}", None)


def _write_page(path: Path, found: Sequence[Explained], evidence: Evidence, model_dir: Path) -> None:
    try:
        from ai_models.evaluation.explanation_page import add_explanation, add_reading_guide
        from ai_models.reporting.page import Page
    except ModuleNotFoundError as error:
        if error.name not in ("matplotlib", "jinja2", "markupsafe"):
            raise
        raise AmuletError(
            f"explain.html needs {error.name}, which is not installed: pip install 'amulet-ai[train]'; "
            f"the pictures and explanations.json are written to '{path.parent}'"
        ) from error
    page = Page("Why the model says so", f"{plural(len(found), 'image')} · model {model_dir.resolve().name}")
    for one in found:
        add_explanation(page, one)
    add_reading_guide(page, len(set(evidence.groups.tolist())))
    page.save(path)


def _within(image: RGBImage, side: int) -> RGBImage:
    picture = Image.fromarray(image)
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS), dtype=np.uint8)


def _plain(name: str) -> str:
    """Return a name that every file system holds; letters of every script stay."""
    return re.sub(r"[^\w.-]+", "_", to_text(name))[:60] or "image"


def _png(image: RGBImage) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", optimize=False)
    return stream.getvalue()


def _pretty(value: Any) -> bytes:
    text = json.dumps(json.loads(canonical_json(value)), indent=2, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8")
