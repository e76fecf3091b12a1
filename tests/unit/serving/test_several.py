"""Several images in one request: batches, and the Open Inference Protocol."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from ai_models.serving.settings import ServiceSettings


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def asked(talk_to):
    return talk_to(ServiceSettings(max_batch=4, max_batch_bytes=100_000))


def _infer(asked, tensor, **more):
    return asked.post("/v2/models/amulet/infer", json={"inputs": [tensor], **more})


def _files(*data):
    texts = [_text(one) for one in data]
    return {"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": texts}


# batches


def test_a_batch_keeps_its_order_and_one_bad_image_spoils_no_other(asked):
    texts = [_text(b"one"), "no base64!", _text(b"bad"), _text(b"two")]
    answer = asked.post("/predict/batch", json={"images": texts, "confidence_threshold": 0.9})
    assert answer.status_code == 200
    body = answer.json()
    assert [one["success"] for one in body["results"]] == [True, False, False, True]
    assert body["judged"] == 2
    first, wrong, unreadable, _ = body["results"]
    assert (first["predicted_class"], first["verdict"], first["probabilities"]) == ("a", "unsure", {"a": 0.8, "ข": 0.2})
    assert (wrong["status"], wrong["type"].rpartition(":")[2]) == (422, "not-base64")
    assert (unreadable["status"], unreadable["verdict"], unreadable["image_verdict"]) == (422, "unreadable", "corrupt")
    assert "disclaimer" in body
    assert sorted(asked.app.state.predictor.seen) == [b"bad", b"one", b"two"]


def test_a_batch_of_files_is_the_same(asked):
    files = [("files", ("ก.jpg", b"one")), ("files", ("b", b"bad"))]
    body = asked.post("/predict/batch", files=files, data={"return_probabilities": "false"}).json()
    assert [one["success"] for one in body["results"]] == [True, False]
    assert body["results"][0]["probabilities"] is None


def test_the_real_model_says_the_same_in_every_way(service, model, photograph):
    data = photograph.read_bytes()
    alone = service.post("/predict/file", files={"file": data}).json()
    batch = service.post("/predict/batch", files=[("files", data), ("files", data)]).json()["results"]
    pixels = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    tensors = (
        {"name": "image", "shape": [1, 1], "datatype": "BYTES", "data": [_text(data)]},
        {"name": "pixels", "shape": [1, *pixels.shape], "datatype": "UINT8", "data": pixels.ravel().tolist()},
        {"name": "pixels", "shape": [1, *pixels.shape], "datatype": "UINT8", "data": [pixels.tolist()]},
    )
    for one in batch:
        assert {k: v for k, v in one.items() if k != "processing_time_ms"} == {
            k: v for k, v in alone.items() if k != "processing_time_ms"
        }
    for tensor in tensors:
        answer = service.post("/v2/models/amulet/infer", json={"id": "7", "inputs": [tensor]}).json()
        outputs = {one["name"]: one for one in answer["outputs"]}
        assert (answer["id"], answer["model_name"], answer["model_version"]) == ("7", "amulet", alone["model_version"])
        assert outputs["classes"]["data"] == list(model.classes)
        assert outputs["probabilities"]["shape"] == [1, len(model.classes)]
        assert outputs["probabilities"]["data"] == [alone["probabilities"][name] for name in model.classes]
        assert outputs["label"]["data"] == [alone["predicted_class"]]
        assert outputs["verdict"]["data"] == [alone["verdict"]]
        members = [
            name for name, inside in zip(model.classes, outputs["prediction_set"]["data"], strict=True) if inside
        ]
        assert sorted(members) == sorted(alone["prediction_set"])


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        ({"images": []}, 422, "images"), ({"images": ["eA=="] * 5}, 413, None), ({"images": "eA=="}, 422, "images"),
        ({"images": [5]}, 422, "images.0"), ({}, 422, "images"), ({"images": ["eA=="], "more": 1}, 422, "more"),
        ([], 422, "body"), ({"images": [""]}, 422, "images.0"),
    ],
    ids=str,
)  # fmt: skip
def test_a_batch_that_cannot_be_used(asked, content, status, field):
    answer = asked.post("/predict/batch", json=content)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if field:
        assert field in [one["field"] for one in answer.json()["errors"]]
    assert asked.app.state.predictor.seen == []


def test_a_batch_of_another_type_or_of_no_json(asked):
    assert asked.post("/predict/batch", content=b"x", headers={"content-type": "text/plain"}).status_code == 415
    assert asked.post("/predict/batch", content=b"x").status_code == 415
    for broken in (b"{", b"[" * 50_000, b"\xff"):
        answer = asked.post("/predict/batch", content=broken, headers={"content-type": "application/json"})
        assert answer.status_code == 400, broken[:5]
    answer = asked.post("/predict/batch", data={"files": "text"}, files={"other": b"x"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "files")
    assert asked.post("/predict/batch", files=[("files", b"x")] * 5).status_code == 400


def test_the_bytes_of_a_batch_are_counted(asked):
    for sent in ({"json": {"images": [_text(bytes(80_000))] * 4}}, {"files": [("files", bytes(50_000))] * 4}):
        answer = asked.post("/predict/batch", **sent)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (413, "too-large")


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v2/models/amulet/infer"])
def test_json_of_very_many_values_is_not_parsed(talk_to, path, monkeypatch):
    asked = talk_to(ServiceSettings(max_values=1000))
    monkeypatch.setattr(json, "loads", None)
    body = b"[" + b"1," * 1000 + b"1]"
    answer = asked.post(path, content=body, headers={"content-type": "application/json"})
    monkeypatch.undo()
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (413, "too-many-values")


def test_a_form_of_many_parts_or_long_fields_is_refused(asked):
    many = [("confidence_threshold", (None, b"0.5"))] * 50
    for files in (
        [("file", b"x")] * 2,
        [*many, ("file", ("f", b"x"))],
        [("confidence_threshold", (None, b"0" * 9000))],
    ):
        answer = asked.post("/predict/file", files=files)
        assert answer.status_code == 400, files[0][0]
        assert answer.headers["content-type"] == "application/problem+json"


# the protocol


def test_the_documentation_shows_a_call_for_tensors(asked):
    page = asked.get("/docs").text
    assert page.count("&quot;BYTES&quot;") == 2
    assert "curl -s localhost:8000/v2/models/{name}/infer -H" in page


def test_what_the_protocol_asks_of_a_server(asked):
    assert asked.get("/v2").json() == {"name": "amulet-ai", "version": asked.app.version, "extensions": []}
    assert asked.get("/v2/health/live").json() == {"live": True}
    assert asked.get("/v2/health/ready").status_code == 200
    assert asked.get("/v2/models/amulet/ready").json() == {"name": "amulet", "ready": True}
    described = asked.get("/v2/models/amulet").json()
    assert asked.get("/v2/models/amulet/versions/0123456789ab").json() == described
    assert described["versions"] == ["0123456789ab"]
    assert [one["name"] for one in described["inputs"]] == ["image", "pixels"]
    answer = _infer(asked, _files(b"x", b"y"), parameters={"confidence_threshold": 0.85}).json()
    shapes = {one["name"]: one["shape"] for one in described["outputs"]}
    for one in answer["outputs"]:
        assert [2 if n < 0 else n for n in shapes[one["name"]]] == one["shape"]
        assert len(one["data"]) == np.prod(one["shape"])
    assert "id" not in answer
    assert next(one for one in answer["outputs"] if one["name"] == "verdict")["data"] == ["unsure", "unsure"]
    wanted = _infer(asked, _files(b"x"), outputs=[{"name": "label"}]).json()["outputs"]
    assert wanted == [{"name": "label", "shape": [1], "datatype": "BYTES", "data": ["a"]}]


def test_a_service_that_is_not_ready_says_so(asked):
    asked.app.state.predictor = None
    for path in ("/readyz", "/v2/health/ready", "/v2/models/amulet/ready", "/health"):
        assert asked.get(path).status_code == 503, path
    for path in ("/livez", "/v2/health/live"):
        assert asked.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"name": "other"}, 422, "image"), ({"datatype": "FP32"}, 422, "BYTES"), ({"datatype": "UINT8"}, 422, "BYTES"),
        ({"shape": [2]}, 422, "2 values"), ({"shape": [0]}, 422, "greater"), ({"shape": [1, 2]}, 422, "shape"),
        ({"shape": [2**40]}, 422, "less"), ({"shape": [5], "data": ["eA=="] * 5}, 413, "at most 4"),
        ({"data": [5]}, 422, "base64"), ({"data": ["!"]}, 422, "base64"), ({"data": []}, 422, "values"),
        ({"data": [["eA=="], ["eA=="]]}, 422, "values"), ({"more": 1}, 422, "more"),
        ({"data": [_text(b"bad")]}, 422, "image 0"),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 256]}, 422, "0 to 255"),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, True]}, 422, "0 to 255"),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 2.0]}, 422, "0 to 255"),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 1, 3, 1], "data": [1, 2, 3]}, 422, "shape"),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 2**20, 2**20, 3], "data": [1, 2, 3]}, 422, "values"),
    ],
    ids=str,
)  # fmt: skip
def test_a_tensor_that_cannot_be_used(asked, change, status, words):
    answer = _infer(asked, _files(b"x") | change)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert problem["error"] == problem["detail"]
    assert words in problem["detail"]


def test_pixels_arrive_as_they_were_sent(asked):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    tensor = {"name": "pixels", "shape": [2, 5, 7, 3], "datatype": "UINT8", "data": pixels.tolist()}
    assert _infer(asked, tensor).status_code == 200
    seen = [np.array(Image.open(io.BytesIO(data))) for data in asked.app.state.predictor.seen]
    assert sorted(map(np.ndarray.tobytes, seen)) == sorted(one.tobytes() for one in pixels)


def test_other_models_versions_and_outputs_are_not_known(asked):
    for path in ("other", "amulet/versions/1"):
        for answer in (
            asked.get(f"/v2/models/{path}"), asked.get(f"/v2/models/{path}/ready"),
            asked.post(f"/v2/models/{path}/infer", json={"inputs": [_files(b"x")]}),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["error"][:8]) == (
                404,
                "the only" if path == "other" else "the vers",
            )
    answer = _infer(asked, _files(b"x"), outputs=[{"name": "nothing"}])
    assert (answer.status_code, "must be among" in answer.json()["error"]) == (422, True)
    assert "error" not in asked.post("/predict", json={}).json()
