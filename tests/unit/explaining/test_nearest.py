"""Neighbours by cosine, one an object, never of the image's own object; restored from components, not stored."""

from __future__ import annotations

import numpy as np
import pytest

from ai_models.explaining.evidence import embedding_blocks, unit_vectors
from ai_models.explaining.nearest import nearest_photographs


@pytest.fixture(scope="module")
def known(evidence):
    X = evidence.model.extractor.extract_batch([evidence_file(evidence, i) for i in range(len(evidence))])
    return unit_vectors(evidence.model, X, embedding_blocks(evidence.model))


@pytest.fixture(scope="module", autouse=True)
def _root(split_textures):
    evidence_file.root = split_textures.root


def evidence_file(evidence, i):
    return evidence_file.root / evidence.records[i].path


def test_what_is_kept_gives_the_embeddings_back(evidence, known):
    np.testing.assert_allclose(np.linalg.norm(evidence.unit, axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(evidence.unit, known, atol=2e-3)


def test_neighbours_are_those_of_a_plain_search(evidence, known, model, held_out):
    unit = unit_vectors(model, model.extractor.extract_batch(held_out), embedding_blocks(model))
    for row in unit:
        found = nearest_photographs(evidence, row, 4)
        expected = np.sort(1 - known @ row)[:4]
        np.testing.assert_allclose([n.distance for n in found.neighbours], expected, atol=2e-3)


def test_an_object_stands_once_and_its_own_not_at_all(evidence, known):
    groups = evidence.groups.copy()
    order = np.argsort(1 - known @ known[5])
    groups[order[1:4]] = "one object"
    from dataclasses import replace

    merged = replace(evidence, groups=groups)
    found = nearest_photographs(merged, known[5], 40, without_group=str(groups[5]))
    paths = [n.record.path for n in found.neighbours]
    assert evidence.records[5].path not in paths
    assert len(paths) == len(set(groups.tolist())) - 1
    assert paths[0] == evidence.records[order[1]].path
    assert evidence.records[order[2]].path not in paths
    assert [n.distance for n in found.neighbours] == sorted(n.distance for n in found.neighbours)


def test_how_unusual_an_image_is(evidence, known):
    like = nearest_photographs(evidence, known[5], 1)
    strange = nearest_photographs(evidence, -known.mean(axis=0) / np.linalg.norm(known.mean(axis=0)), 1)
    assert like.farther == 1.0
    assert strange.farther == 0.0
    assert like.objects == len(set(evidence.groups.tolist()))
