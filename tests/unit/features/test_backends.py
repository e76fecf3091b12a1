"""What runs the network on a CPU: each gives the same features, within its precision."""

from __future__ import annotations

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimage.data

from ai_models.core.errors import MissingExtraError
from ai_models.core.images import resize
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.features import CnnExtractor, HybridFeatureExtractor, cnn
from ai_models.features.extraction import block_key
from ai_models.features.openvino_runner import OpenVinoRunner, openvino_precision

pytest.importorskip("timm")
openvino = pytest.importorskip("openvino")
SIZE = 88  # of its own: exported networks are shared by the whole process
LEAST_COSINE = {"torch": 0.99999, "fp32": 0.99999, "bf16": 0.99}


def photographs(count: int) -> list[np.ndarray]:
    sources = (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea())
    return [resize(sources[i % 3][10 * i : 10 * i + 200, 9 * i : 9 * i + 220], SIZE) for i in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def block(folder, backend: str) -> CnnExtractor:
    return CnnExtractor(FeatureConfig(image_size=SIZE, cache_dir=str(folder), device="cpu", cnn_backend=backend))


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_backends_agree(folder, backend):
    images = photographs(7)
    expected = block(folder, "onnxruntime").extract_many(images)
    other = block(folder, backend)
    got = other.extract_many(images)
    cosine = (got * expected).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > LEAST_COSINE[backend if backend == "torch" else openvino_precision()]
    assert other.backend().startswith(backend)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_openvino_gives_the_same_bytes_for_any_batch_and_any_number_of_callers(folder, precision):
    model = block(folder, "onnxruntime").model_bytes()
    images = np.stack(photographs(12))
    before = images.copy()
    runner = OpenVinoRunner(model, precision)
    expected = runner(images)
    for size in (1, 5):
        with ThreadPoolExecutor(3) as pool:
            parts = list(pool.map(lambda i, n=size: runner(images[i : i + n]), range(0, 12, size)))
        np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert len(runner._idle) <= 3
    np.testing.assert_array_equal(images, before)


def test_full_precision_of_openvino_is_that_of_onnx_runtime(folder):
    reference = block(folder, "onnxruntime")
    got = OpenVinoRunner(reference.model_bytes(), "fp32")(np.stack(photographs(5)))
    expected = reference.extract_many(photographs(5))
    np.testing.assert_allclose(got[:, : expected.shape[1]], expected, atol=2e-4)


def test_backend_and_precision_are_in_the_key_but_not_in_the_identity(folder):
    keys = {block_key(block(folder, name), PreprocessConfig()) for name in ("onnxruntime", "openvino", "torch")}
    assert len(keys) == 3
    digests = {
        HybridFeatureExtractor(FeatureConfig(cache_dir=str(folder), cnn_backend=name)).digest()
        for name in ("onnxruntime", "openvino")
    }
    assert len(digests) == 1


def test_one_backend_is_never_given_what_another_computed(folder):
    images = photographs(2)
    first = block(folder, "onnxruntime")
    first.extract_many(images)  # kept for its stages, which nobody asks for
    second = block(folder, "openvino")
    second._model = first.model_bytes()
    alone = block(folder, "openvino").extract_many(photographs(2))
    np.testing.assert_array_equal(second.extract_many(images), alone)


def test_absent_openvino_is_named_with_its_extra(folder, monkeypatch):
    from ai_models.features import openvino_runner

    monkeypatch.setitem(sys.modules, "openvino", None)
    openvino_runner._core.cache_clear()
    openvino_runner.openvino_precision.cache_clear()
    with pytest.raises(MissingExtraError, match=r"amulet-ai\[openvino\]"):
        block(folder, "openvino").extract_many(photographs(1))


def test_a_saved_model_predicts_without_what_it_was_trained_with_and_says_so(folder, monkeypatch):
    images = photographs(2)
    expected = block(folder, "onnxruntime").extract_many(images)
    saved = pickle.dumps(block(folder, "openvino"))
    monkeypatch.setitem(sys.modules, "openvino", None)
    cnn._warn_of_other_backend.cache_clear()
    said: list[str] = []
    monkeypatch.setattr(cnn.log, "warning", lambda text, *values: said.append(text % values))
    loaded = pickle.loads(saved)
    np.testing.assert_array_equal(loaded.extract_many(images), expected)
    assert loaded.backend() == "ort-fp32-cpu"
    assert said == ["the model was trained with openvino, which is not installed: ONNX Runtime takes its place"]


def test_a_copy_for_other_settings_is_not_a_saved_one(folder, monkeypatch):
    copied = block(folder, "openvino").with_config(block(folder, "openvino").config.replace(batch_size=2))
    assert not copied._saved


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_bytes_do_not_depend_on_workers_batches_or_the_threads_of_libraries(folder, backend):
    import cv2
    from threadpoolctl import threadpool_limits

    images = photographs(23)
    settings = FeatureConfig(image_size=SIZE, cache_dir=str(folder), device="cpu", cnn_backend=backend)
    fitted = HybridFeatureExtractor(settings, workers=1).fit(images)  # into the cache, which the others do not see
    fitted.config = settings.replace(cache_features=False)
    expected = fitted.transform(images)
    threads = cv2.getNumThreads()
    try:
        for workers, batch, libraries in ((1, 1, 1), (2, 7, 2), (3, 32, 2), (2, 1, 3)):
            cv2.setNumThreads(libraries)
            fitted.workers, fitted.config = workers, fitted.config.replace(batch_size=batch)
            with threadpool_limits(libraries):
                assert fitted.transform(images).tobytes() == expected.tobytes()
            assert cv2.getNumThreads() == libraries
    finally:
        cv2.setNumThreads(threads)
