"""`export_model`: which files a format has, what each is compared on, and what is written where they agree."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models._version import __version__
from ai_models.artifacts.bundle import load_model, read_bundle
from ai_models.artifacts.export.agreement import EXACT, INT8, Agreement, Gate
from ai_models.artifacts.export.decision import decision_module
from ai_models.artifacts.export.graphs import (
    OUTPUTS,
    joined,
    run_graph,
    run_script,
    to_onnx,
    traced,
    traced_network,
)
from ai_models.artifacts.export.networks import Network, features_of, networks_of, quantised
from ai_models.artifacts.export.pictures import given_photographs, training_photographs, widened
from ai_models.artifacts.export.rows import LEAST_ROWS, feature_rows
from ai_models.artifacts.export.whole import from_networks, whole_module
from ai_models.artifacts.golden import Golden, as_loaded_elsewhere
from ai_models.artifacts.trust import Trust
from ai_models.classifier import HybridClassifier
from ai_models.core.errors import DataError
from ai_models.core.paths import prepare_output_dir, write_bytes, write_text
from ai_models.features.onnx_export import OPSET, run_onnx

__all__ = ["EXPORT_FILE", "FORMATS", "Exported", "export_model"]

FORMATS = ("onnx", "torchscript", "int8")
EXPORT_FILE = "export.json"
NOT_IN_IT = (
    "These files give probabilities. Whether a photograph shows anything that the model knows (verdict, outlier score, "
    "prediction set) is told by the model directory and the service, not by them."
)
_CALIBRATION = 64
"""Pictures that the ranges of INT8 are taken from."""


@dataclass(frozen=True)
class Exported:
    """One file of an export.

    Attributes
    ----------
    data
        Its content.
    inputs, outputs
        Name, dtype and shape of each.
    agreement
        With the model, and what it was compared on.
    on
        ``"rows of features"`` or ``"pictures"``.
    """

    data: bytes
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    agreement: Agreement
    on: str


def export_model(
    directory: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    *,
    kind: str,
    photographs: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    trust: Trust | None = None,
) -> dict[str, Agreement]:
    """Write a model in another format, where it answers as the model does; else nothing is written.

    Parameters
    ----------
    directory
        A model directory.
    output_dir
        A new folder.
    kind
        One of `FORMATS`.
    photographs
        Folder of pictures that networks are compared on (and INT8 takes its ranges from); of the training photographs
        those that are still where they were, else the drawn golden pictures, when None. Only read.
    overwrite
        Whether an earlier export in that folder is replaced.
    trust
        What the model directory must show; as for `load_model`.

    Returns
    -------
    dict
        File -> how it agrees with the model.

    Raises
    ------
    DataError
        When the model has no such form, or a file does not pass its gate.
    """
    model = as_loaded_elsewhere(load_model(directory, trust=trust))
    place = prepare_output_dir(output_dir, ours=EXPORT_FILE, overwrite=overwrite)
    work = _Export(directory, model, photographs)
    files = {"onnx": work.onnx, "torchscript": work.torchscript, "int8": work.int8}[kind]()
    gates = {name: INT8 if ".int8." in name else EXACT for name in files}
    for name, file in files.items():
        if not file.agreement.passes(gates[name]):
            raise DataError(
                f"'{name}' does not answer as the model does: expected {gates[name].describe()}, got "
                f"{file.agreement.describe()}: nothing was written; use the model directory itself"
            )
    for name, file in files.items():
        write_bytes(place / name, file.data)
    told = _described(work, kind, files, gates) | {"model_digest": read_bundle(directory)["model_digest"]}
    write_text(place / EXPORT_FILE, json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    return {name: file.agreement for name, file in files.items()}


class _Export:
    """The files of each format, made from one model."""

    def __init__(
        self, directory: str | os.PathLike[str], model: HybridClassifier, photographs: str | os.PathLike[str] | None
    ) -> None:
        self.model = model
        self.networks = networks_of(model)
        self.golden = Golden.of(model)
        self.rows = np.concatenate([self.golden.features, feature_rows(directory, model)])
        self.compared_on, self._originals = "drawn pictures", list(self.golden.images)
        side = max((network.side for network in self.networks), default=0)
        if side and photographs is not None:
            self.compared_on, self._originals = (
                "the given photographs",
                given_photographs(model, Path(photographs), side),
            )
        elif side and (found := training_photographs(directory, model, side)):
            self.compared_on, self._originals = "training photographs", found
        self._decision = decision_module(model)

    @property
    def whole(self) -> bool:
        """Whether networks see everything, so that one graph leads from pixels to probabilities."""
        seen = {name for network in self.networks for name in network.columns}
        return bool(seen) and seen == {block.name for block in self.model.extractor.blocks}

    def onnx(self) -> dict[str, Exported]:
        """Return decision and networks as ONNX; and both in one where that is possible."""
        decision = to_onnx(self._decision, [("features", self.rows.shape[1])])
        files = {"decision.onnx": self._judged_rows(decision, run_graph)}
        for network in self.networks:  # the very bytes that the model runs
            files[f"{network.name}.onnx"] = self._network(network, network.model, run_graph, decision)
        if self.whole:
            heads = [(n.name, run_onnx(n.model, self._squares(n, 1)).shape[1]) for n in self.networks]
            data = joined(self.networks, to_onnx(from_networks(self._decision, self.networks, self.model), heads))
            files["model.onnx"] = self._whole(data, run_graph, [f"{n.name}_image" for n in self.networks])
        return files

    def torchscript(self) -> dict[str, Exported]:
        """Return decision and networks as TorchScript; and both in one where that is possible."""
        decision = traced(self._decision, self.rows[:2])
        files = {"decision.pt": self._judged_rows(decision, run_script)}
        for network in self.networks:
            data = traced_network(network)
            files[f"{network.name}.pt"] = self._network(network, data, run_script, decision)
        if self.whole:
            squares = [self._squares(n, 2) for n in self.networks]
            data = traced(whole_module(self._decision, self.networks, self.model), *squares)
            files["model.pt"] = self._whole(data, run_script, [n.name for n in self.networks])
        return files

    def int8(self) -> dict[str, Exported]:
        """Return the networks in INT8 and the decision, which stays as it is."""
        if not self.networks:
            raise DataError("this model goes by no network, and nothing else has an INT8 form: export onnx instead")
        decision = to_onnx(self._decision, [("features", self.rows.shape[1])])
        files = {"decision.onnx": self._judged_rows(decision, run_graph)}
        for network in self.networks:
            data = quantised(network, self._squares(network, _CALIBRATION))
            files[f"{network.name}.int8.onnx"] = self._network(network, data, run_graph, decision)
        return files

    # -- comparing -------------------------------------------------------------------------------------------

    def _judged_rows(self, data: bytes, run: Callable[..., Any]) -> Exported:
        agreement = Agreement.of(self.model.probabilities_of(self.rows), run(data, self.rows)[0])
        inputs = [{"name": "features", "dtype": "float32", "shape": ["n", int(self.rows.shape[1])]}]
        return Exported(data, inputs, self._outputs(), agreement, "rows of features")

    def _network(self, network: Network, data: bytes, run: Callable[..., Any], decision: bytes) -> Exported:
        """Compare what the decision says behind a network with what the model says of the same pictures."""
        pictures = self._pictures(LEAST_ROWS)
        X = self._features(pictures)
        squares = self._squares(network, LEAST_ROWS)
        given = np.concatenate([run(data, squares[i : i + 8])[0] for i in range(0, len(squares), 8)])
        other = X.copy()
        network.fill(other, given)
        agreement = Agreement.of(self.model.probabilities_of(X), run(decision, other)[0])
        outputs = [{"name": "features", "dtype": "float32", "shape": ["n", int(given.shape[1])]}]
        return Exported(data, [_image("image", network)], outputs, agreement, "pictures")

    def _whole(self, data: bytes, run: Callable[..., Any], names: Sequence[str]) -> Exported:
        pictures = self._pictures(LEAST_ROWS)
        squares = [self._squares(network, LEAST_ROWS) for network in self.networks]
        said = [run(data, *(s[i : i + 8] for s in squares))[0] for i in range(0, len(pictures), 8)]
        agreement = Agreement.of(self.model.probabilities_of(self._features(pictures)), np.concatenate(said))
        inputs = [_image(name, network) for name, network in zip(names, self.networks, strict=True)]
        return Exported(data, inputs, self._outputs(), agreement, "pictures")

    def _outputs(self) -> list[dict[str, Any]]:
        return [{"name": name, "dtype": "float32", "shape": ["n", len(self.model.classes)]} for name in OUTPUTS]

    def _pictures(self, count: int) -> NDArray[np.uint8]:
        return widened(self._originals, count)

    def _squares(self, network: Network, count: int) -> NDArray[np.uint8]:
        return network.squares(self._pictures(count))

    def _features(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        known: tuple[int, NDArray[np.float32]] | None = self.__dict__.get("_known")
        if known is None or known[0] < len(pictures):
            X = features_of(self.model, self.networks, pictures, lambda n, squares: run_onnx(n.model, squares))
            self._known = known = len(pictures), X
        return known[1][: len(pictures)]


def _image(name: str, network: Network) -> dict[str, Any]:
    return {"name": name, "dtype": "uint8", "shape": ["n", network.side, network.side, 3], "channels": "RGB"}


def _described(work: _Export, kind: str, files: dict[str, Exported], gates: dict[str, Gate]) -> dict[str, Any]:
    return {
        "format": 1,
        "kind": kind,
        "amulet_ai": __version__,
        "opset": OPSET if kind != "torchscript" else None,
        "classes": list(work.model.classes),
        "features": {name: [s.start, s.stop] for name, s in work.model.extractor.block_slices.items()},
        "networks": {
            network.name: {
                block: {"output": [own.start, own.stop], "features": [there.start, there.stop]}
                for block, (own, there) in network.columns.items()
            }
            for network in work.networks
        },
        "pictures": work.compared_on,
        "not_in_it": NOT_IN_IT,
        "files": {
            name: {
                "bytes": len(file.data),
                "sha256": hashlib.sha256(file.data).hexdigest(),
                "inputs": file.inputs,
                "outputs": file.outputs,
                "compared_on": file.on,
                "parity": file.agreement.to_dict(),
                "gate": gates[name].describe(),
            }
            for name, file in files.items()
        },
    }  # fmt: skip
