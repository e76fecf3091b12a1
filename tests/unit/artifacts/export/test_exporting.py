"""Exported folders: what lies in them, that it answers as the model does, and that nothing else is ever written."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ai_models.artifacts import load_model, read_golden
from ai_models.artifacts.export import export_model, exporting
from ai_models.artifacts.export.agreement import EXACT, INT8, Agreement, Gate
from ai_models.artifacts.export.graphs import run_graph
from ai_models.artifacts.export.networks import networks_of
from ai_models.artifacts.export.pictures import widened
from ai_models.artifacts.export.rows import LEAST_ROWS, feature_rows
from ai_models.core.errors import ConfigError, DataError

pytest.importorskip("torch")
pytest.importorskip("onnx")

ALONE = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if path is None and top not in sys.stdlib_module_names | {"numpy", "onnxruntime"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
import numpy as np, onnxruntime as ort
given = np.load(sys.argv[2])
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
said = session.run(["probabilities"], {i.name: given[i.name] for i in session.get_inputs()})[0]
np.save(sys.argv[3], said)
"""
"""A program on a machine that has ONNX Runtime and NumPy and nothing else."""


def _read(folder: Path, least: int = LEAST_ROWS) -> dict[str, dict[str, object]]:
    told = json.loads((folder / "export.json").read_text("utf-8"))
    assert {p.name for p in folder.iterdir()} == {*told["files"], "export.json"}
    for name, file in told["files"].items():
        data = (folder / name).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert file["parity"]["rows"] >= least
    return dict(told)


def test_onnx_of_networks_alone_leads_from_pixels_to_probabilities(two_networks_model: Path, tmp_path: Path) -> None:
    place = tmp_path / "exported"
    found = export_model(two_networks_model, place, kind="onnx")
    told = _read(place)
    assert set(found) == {"decision.onnx", "network_64.onnx", "network_96.onnx", "model.onnx"}
    assert all(agreement.passes(EXACT) for agreement in found.values())
    assert told["classes"] == list(load_model(two_networks_model).classes)
    golden = read_golden(two_networks_model)
    assert golden is not None
    squares = {f"{n.name}_image": n.squares(golden.images) for n in networks_of(load_model(two_networks_model))}
    for name, given in (("decision.onnx", {"features": golden.features}), ("model.onnx", squares)):
        assert {i["name"] for i in told["files"][name]["inputs"]} == set(given)
        np.savez(tmp_path / "given.npz", **given)
        call = [sys.executable, "-I", "-c", ALONE, place / name, tmp_path / "given.npz", tmp_path / "said.npy"]
        subprocess.run(call, check=True)
        assert np.abs(np.load(tmp_path / "said.npy") - golden.probabilities).max() < 1e-5
    decision = (place / "decision.onnx").read_bytes()
    one_by_one = np.concatenate([run_graph(decision, golden.features[i : i + 1])[0] for i in range(4)])
    assert one_by_one == pytest.approx(run_graph(decision, golden.features)[0], abs=1e-7)


def test_torchscript_needs_the_weights_and_agrees(
    tiny_network_model: Path, random_networks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "LEAST_ROWS", 100)  # torch is slow
    found = export_model(tiny_network_model, tmp_path / "exported", kind="torchscript")
    told = _read(tmp_path / "exported", 100)
    assert set(found) == {"decision.pt", "network_64.pt"}, "HOG is no network: there is no graph from pixels on"
    assert told["opset"] is None
    assert told["networks"]["network_64"]["cnn"] == {"output": [0, 32], "features": [0, 32]}
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="weights of network 'tiny' that the model carries are not installed"):
        export_model(tiny_network_model, tmp_path / "other", kind="torchscript")
    assert not list((tmp_path / "other").iterdir())


def test_torchscript_of_networks_alone(
    two_networks_model: Path, random_networks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "LEAST_ROWS", 100)
    found = export_model(two_networks_model, tmp_path / "exported", kind="torchscript")
    _read(tmp_path / "exported", 100)
    assert {"model.pt", "network_64.pt", "network_96.pt", "decision.pt"} == set(found)


def test_int8_is_judged_by_its_gate(
    tiny_network_model: Path, tmp_path: Path, texture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "exported"
    monkeypatch.setattr(exporting, "LEAST_ROWS", 200)
    found = export_model(tiny_network_model, place, kind="int8")
    assert _read(place, 200)["pictures"] == "training photographs"
    assert found["network_64.int8.onnx"].largest > 0
    assert found["network_64.int8.onnx"].passes(INT8)
    given = next(path for path in texture_folder.iterdir() if path.name == "checks")
    export_model(tiny_network_model, place, kind="int8", photographs=given, overwrite=True)
    assert _read(place, 200)["pictures"] == "the given photographs"
    monkeypatch.setattr(exporting, "INT8", Gate(labels=1.0, largest=1.0, median=0.0))
    with pytest.raises(DataError, match=r"'network_64.int8.onnx' does not answer as the model does: expected 100%"):
        export_model(tiny_network_model, tmp_path / "refused", kind="int8")
    assert not list((tmp_path / "refused").iterdir())


def test_a_model_without_a_network_has_no_int8_and_a_decision(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="goes by no network"):
        export_model(tiny_model, tmp_path / "int8", kind="int8")
    assert set(export_model(tiny_model, tmp_path / "onnx", kind="onnx")) == {"decision.onnx"}


def test_a_graph_that_says_something_else_is_not_written(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(model: object) -> object:
        module = right(model)
        module.weights *= 1.01  # a temperature that is off by a hundredth
        return module

    right = exporting.decision_module
    monkeypatch.setattr(exporting, "decision_module", off)
    with pytest.raises(DataError, match=r"'decision.onnx' does not answer as the model does.*nothing was written"):
        export_model(tiny_model, tmp_path / "exported", kind="onnx")
    assert not list((tmp_path / "exported").iterdir())


def test_rows_are_a_thousand_and_the_scaler_knows_them(tiny_network_model: Path) -> None:
    model = load_model(tiny_network_model)
    rows = feature_rows(tiny_network_model, model)
    assert (rows == feature_rows(tiny_network_model, model)).all()
    assert len(rows) == LEAST_ROWS
    kept = np.load(tiny_network_model / "training_features.npy").astype(np.float64)
    photographs = model.scaler.transform(rows[: LEAST_ROWS // 3])
    off = np.abs(photographs[:, None] - kept[None]).max(axis=2).min(axis=1)
    assert off.max() < 0.02, "a third are the training photographs themselves"
    labels = model.probabilities_of(rows).argmax(axis=1)
    assert set(labels) == {0, 1, 2}


def test_pictures_are_widened_without_repeating(tiny_network_model: Path) -> None:
    golden = read_golden(tiny_network_model)
    assert golden is not None
    pictures = widened(list(golden.images), 50)
    assert (pictures[:4] == golden.images).all()
    assert len({picture.tobytes() for picture in pictures}) == 50
    assert (pictures == widened(list(golden.images), 50)).all()


@pytest.mark.parametrize(
    ("got", "passes"),
    [
        ([[0.7, 0.3], [0.4, 0.6]], True),
        ([[0.7001, 0.2999], [0.4, 0.6]], True),
        ([[0.7003, 0.2997], [0.4, 0.6]], False),
        ([[0.7, 0.3], [0.50001, 0.49999]], False),
        ([[np.nan, 0.3], [0.4, 0.6]], False),
        ([[0.7, 0.3]], False),
    ],
)
def test_the_gate(got: list[list[float]], passes: bool) -> None:
    expected = np.array([[0.7, 0.3], [0.4, 0.6]])
    assert Agreement.of(expected, np.array(got)).passes(Gate(1.0, 1.0001e-4, 1.0)) is passes
