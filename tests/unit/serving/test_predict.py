"""What the service answers, against what the model itself says."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from ai_models._version import __version__
from ai_models.artifacts import read_bundle
from ai_models.serving.schemas import DISCLAIMER

FIELDS = {
    "success", "predicted_class", "confidence", "probabilities", "processing_time_ms", "model_version", "verdict",
    "ood_p_value", "prediction_set", "prediction_set_by_class", "reason", "detail", "disclaimer",
}  # fmt: skip


def _as_text(path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _without_time(answer: dict) -> dict:
    return {k: v for k, v in answer.items() if k != "processing_time_ms"}


def test_both_routes_say_what_the_model_says(service, model, tiny_model, texture_folder):
    for path in sorted(texture_folder.glob("*/00.png")):
        known = model.predict_one(path)
        by_text = service.post("/predict", json={"image_data": _as_text(path), "confidence_threshold": 0}).json()
        by_file = service.post("/predict/file", files={"file": path.read_bytes()}, data={"confidence_threshold": "0"})
        assert _without_time(by_text) == _without_time(by_file.json())
        assert set(by_text) == FIELDS
        assert by_text["success"] is True
        assert by_text["predicted_class"] == known.predicted_class
        assert by_text["confidence"] == pytest.approx(known.confidence, abs=1e-6)
        assert by_text["probabilities"] == pytest.approx(known.probabilities, abs=1e-6)
        assert by_text["ood_p_value"] == pytest.approx(known.ood_p_value, abs=1e-6)
        assert (by_text["verdict"], by_text["reason"]) == (str(known.verdict), str(known.reason))
        assert by_text["prediction_set"] == list(known.prediction_set)
        assert by_text["prediction_set_by_class"] == list(known.prediction_set_by_class)
        assert by_text["model_version"] == read_bundle(tiny_model)["model_digest"][:12]
        assert 0 < by_text["processing_time_ms"] < 60_000
        assert "ผลประเมินเป็นเบื้องต้น ควรให้ผู้เชี่ยวชาญยืนยัน" in by_text["disclaimer"]
        assert "expert should confirm" in by_text["disclaimer"]


def test_class_names_are_utf_8(service, texture_folder):
    answer = service.post("/predict/file", files={"file": (texture_folder / "ลายทาง" / "00.png").read_bytes()})
    assert answer.headers["content-type"] == "application/json"
    assert "ลายทาง" in answer.content.decode("utf-8")
    assert sum(answer.json()["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("head", ["data:image/png;base64,", "DATA:image/png;charset=x;BASE64,", "data:;base64,"])
def test_a_data_prefix_is_taken_off(service, photograph, head):
    plain = service.post("/predict", json={"image_data": _as_text(photograph)}).json()
    prefixed = service.post("/predict", json={"image_data": head + _as_text(photograph)}).json()
    assert _without_time(plain) == _without_time(prefixed)


def test_below_the_threshold_the_class_stays_and_the_verdict_is_at_least_unsure(service, model, texture_folder):
    for path in sorted(texture_folder.glob("*/04.png")):
        known = model.predict_one(path)
        strict = service.post("/predict", json={"image_data": _as_text(path), "confidence_threshold": 1.0}).json()
        assert strict["predicted_class"] == known.predicted_class
        assert strict["verdict"] == ("ood" if known.verdict == "ood" else "unsure")
        assert strict["detail"] == ("confidence below 1" if known.verdict == "in_domain" else known.detail)


def test_probabilities_may_be_left_out(service, photograph):
    for answer in (
        service.post("/predict", json={"image_data": _as_text(photograph), "return_probabilities": False}),
        service.post("/predict/file", files={"file": photograph.read_bytes()}, data={"return_probabilities": "false"}),
    ):
        assert answer.json()["probabilities"] is None
        assert set(answer.json()) == FIELDS


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_every_format_is_answered(service, kind, encoded):
    answer = service.post("/predict/file", files={"file": ("x.bin", encoded(kind), "application/octet-stream")})
    assert answer.status_code == 200
    assert answer.json()["verdict"] in {"in_domain", "unsure", "ood"}


def test_requests_at_once_are_answered_alike(service, texture_folder):
    paths = [p for p in sorted(texture_folder.glob("*/*.png")) if p.stem in {"00", "05"}]
    alone = [_without_time(service.post("/predict", json={"image_data": _as_text(p)}).json()) for p in paths]

    def ask(path) -> dict:
        return _without_time(service.post("/predict/file", files={"file": path.read_bytes()}).json())

    with ThreadPoolExecutor(8) as pool:
        for together, by_itself in zip(pool.map(ask, paths * 3), alone * 3, strict=True):
            for name in ("confidence", "probabilities", "ood_p_value"):  # those that wait are judged together
                assert together.pop(name) == pytest.approx(by_itself[name], abs=1e-6)
            assert together == {name: value for name, value in by_itself.items() if name in together}


def test_the_description_tells_every_field(service):
    description = service.get("/openapi.json").json()
    assert description["info"]["version"] == __version__
    named = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
    assert set(description["paths"]) == {
        "/predict", "/predict/file", "/predict/batch", "/explain", "/health", "/livez", "/readyz", "/metrics", "/v2",
        "/v2/health/live", "/v2/health/ready", *(name + end for name in named for end in ("", "/ready", "/infer")),
    }  # fmt: skip
    assert set(description["components"]["schemas"]["PredictResponse"]["properties"]) == FIELDS
    for path in ("/predict", "/predict/file"):
        answers = description["paths"][path]["post"]["responses"]
        statuses = {"200", "400", "401", "403", "408", "413", "415", "422", "429", "503", "504"}
        assert set(answers) == statuses
        assert list(answers["422"]["content"]) == ["application/problem+json"]


def test_an_explanation_names_what_is_near_and_says_why_there_is_no_map(service, photograph, encoded):
    answer = service.post("/explain", files={"file": photograph.read_bytes()})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    said = service.post("/predict/file", files={"file": photograph.read_bytes()}).json()
    assert (told["predicted_class"], told["model_version"]) == (said["predicted_class"], said["model_version"])
    assert told["against"] == sorted(said["probabilities"], key=lambda c: -said["probabilities"][c])[1]
    assert (told["picture"], told["heat_map"]) == ("", None)
    assert "no voting member of this model looks at a network" in told["no_map"]
    assert told["nearest"][0]["label"] == said["predicted_class"]
    assert told["nearest"] == sorted(told["nearest"], key=lambda one: one["distance"])
    assert told["disclaimer"] == DISCLAIMER
    assert service.post("/explain", files={"file": encoded("PNG")[:60]}).status_code == 422
    assert service.post("/explain", files={"file": encoded("PNG", (1500, 1000))}).status_code == 413
