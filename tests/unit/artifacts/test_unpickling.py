"""What an unpickled model may be made of, and that trained models are made of nothing else."""

from __future__ import annotations

import importlib
import io
import pickle
import zlib
from pathlib import Path

import joblib
import numpy as np
import pytest

from ai_models.artifacts import load_model, open_model, save_bundle
from ai_models.artifacts.allowed_names import ALLOWED
from ai_models.artifacts.digest import state_digest
from ai_models.artifacts.unpickling import names_of_its_own, unpickle
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import BundleError

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def dumped(value: object) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=("zlib", 3))
    return stream.getvalue()


@pytest.fixture(scope="module")
def pickled_names():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("pickled_names")


def test_trained_models_use_no_name_that_is_not_listed(tiny_model, tiny_network_model, two_networks_model) -> None:
    for folder in (tiny_model, tiny_network_model, two_networks_model):
        for file in sorted(folder.glob("*.joblib")):
            assert names_of_its_own(file.read_bytes()) == (), file


@pytest.mark.slow
def test_the_list_is_what_every_kind_of_part_uses(pickled_names, tmp_path) -> None:
    """When it is not: `python benchmarks/pickled_names.py`, and look at what comes in."""
    found = pickled_names.uses([])
    listed = {(module, name): how for module, names in ALLOWED.items() for name, how in names.items()}
    assert {name: " ".join(sorted(how - {"named"})) for name, how in found.items()} == listed


def test_what_is_unpickled_is_what_joblib_would_give(tiny_model, tiny_network_model) -> None:
    for folder in (tiny_model, tiny_network_model):
        data = (folder / "model.joblib").read_bytes()
        assert state_digest(unpickle(data, folder)) == state_digest(joblib.load(io.BytesIO(data)))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4), np.asfortranarray(np.arange(12.0).reshape(3, 4)), np.zeros((0, 3)),
        np.array(2.5),
        np.array(["ก", "bc"]), np.array([(1, 2.0)], dtype=[("a", "i1"), ("b", "f8")]), np.arange(6, dtype=">i4"),
        np.float32(2.5), np.str_("ก"), np.bool_(True), np.random.default_rng(3), slice(1, None, 2),
    ],
    ids=repr,
)  # fmt: skip
def test_values_come_back_as_they_were(array) -> None:
    back = unpickle(dumped(array), "here")
    if isinstance(array, np.random.Generator):
        assert back.bit_generator.state == array.bit_generator.state
        return
    assert type(back) is type(array)
    if isinstance(array, np.ndarray):
        assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert back.flags.writeable
    else:
        assert back == array


def test_only_one_zlib_stream_of_bounded_length_is_read(monkeypatch) -> None:
    whole = dumped([1, 2, 3])
    assert unpickle(whole, "here") == [1, 2, 3]
    for data in (b"", whole + b"x", whole + whole, whole[:-1], zlib.decompress(whole), zlib.compress(b"\x80\x04N.N.")):
        with pytest.raises(BundleError, match="here' is not a model"):
            unpickle(data, "here")
    monkeypatch.setattr("ai_models.artifacts.unpickling.MOST_BYTES", 100)
    with pytest.raises(BundleError, match="too many"):
        unpickle(zlib.compress(bytes(10**6)), "here")


def test_classes_of_the_users_own_open_here_and_elsewhere_by_name(tiny_model, tmp_path, monkeypatch) -> None:
    (tmp_path / "mine_of_my_own.py").write_text("class Part:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    part = importlib.import_module("mine_of_my_own").Part
    model = load_model(tiny_model)
    model.metadata["own"] = part()
    folder = save_bundle(model, tmp_path / "model", {})
    assert isinstance(open_model(folder).model.metadata["own"], part)
    monkeypatch.setenv("AMULET_AI_TRUST_DIR", str(tmp_path / "notes"))
    with pytest.raises(BundleError, match=r"mine_of_my_own\.Part.*AMULET_AI_TRUSTED_NAMES"):
        load_model(folder, allow_unsigned=True)
    monkeypatch.setenv("AMULET_AI_TRUSTED_NAMES", "mine_of_my_own:Part")
    assert isinstance(load_model(folder, allow_unsigned=True).metadata["own"], part)


def test_an_allowed_name_is_used_in_its_own_way_alone() -> None:
    for data in (b"\x80\x02cnumpy\nndarray\n(K\x03tR.", b"\x80\x02cbuiltins\nslice\n(K\x03t\x81."):
        with pytest.raises(BundleError, match="as no model does"):
            unpickle(zlib.compress(data), "here")


def test_no_class_is_changed() -> None:
    data = b"\x80\x02cai_models.classifier\nHybridClassifier\nN}X\x05\x00\x00\x00addedK\x01s\x86b."
    with pytest.raises(BundleError, match="changes what is not its own"):
        unpickle(zlib.compress(data), "here")
    assert not hasattr(HybridClassifier, "added")


def test_what_is_called_calls_nothing_that_it_is_given() -> None:
    head = b"\x80\x02cnumpy.random._pickle\n"
    generator = b"__generator_ctor\n(X\x01\x00\x00\x00acnumpy\nndarray\ntR."
    for rest in (generator, b"__bit_generator_ctor\n(cnumpy\nndarray\ntR."):
        with pytest.raises(BundleError, match="a source of random numbers in it is not as it was written"):
            unpickle(zlib.compress(head + rest), "here")
    number = b"\x80\x02cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(X\x02\x00\x00\x00f8\x89\x88tR}tR."
    with pytest.raises(BundleError, match="a number in it is not as it was written"):
        unpickle(zlib.compress(number), "here")


def test_a_type_of_items_that_reaches_out_of_the_item_is_refused() -> None:
    honest = pickle.dumps(np.dtype([("a", "<f8")]), protocol=2)
    place = honest.rindex(b"K\x00\x86")  # the offset of the field
    assert unpickle(zlib.compress(honest), "here") == np.dtype([("a", "<f8")])
    with pytest.raises(BundleError, match="reaches out of the item"):
        unpickle(zlib.compress(honest[:place] + b"K\x7f\x86" + honest[place + 3 :]), "here")


def test_a_model_that_could_not_be_opened_again_is_not_written(tiny_model: Path, tmp_path: Path, monkeypatch) -> None:
    model = load_model(tiny_model)
    monkeypatch.setattr("ai_models.artifacts.unpickling.MOST_BYTES", 100)
    with pytest.raises(BundleError, match="too many"):
        save_bundle(model, tmp_path / "model", {})
    assert not (tmp_path / "model").exists()
