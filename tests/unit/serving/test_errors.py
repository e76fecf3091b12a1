"""Whatever is wrong is answered as a problem, in one sentence, and nothing of it is logged."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import httpx
import pytest

JSON = {"content-type": "application/json"}


def _problem(answer: httpx.Response, status: int, kind: str = "") -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == (f"urn:problem-type:amulet-ai:{kind}" if kind else "about:blank")
    assert problem["status"] == status
    assert problem["success"] is False
    assert problem["error_message"] == problem["detail"]
    assert problem["title"]
    assert "\n" not in problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return problem


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not base64!", ""),
        ("YWJ", "padding"),
        ("YWJj\nYWJj", ""),
        (" YWJj", ""),
        ("YWJj=", ""),
        ("YW=Jj", ""),
        ("YR==", "padding"),
        ("_-8=", ""),
        ("ภาพ", "other characters"),
        ("data:image/png,YWJj", ";base64,"),
        ("data:image/png;base64", ";base64,"),
        ("data:image/png;base64,!!!!", ""),
    ],
)
def test_base64_is_strict(service, text, why):
    problem = _problem(service.post("/predict", json={"image_data": text}), 422, "not-base64")
    assert "image_data must be base64" in problem["detail"]
    assert why in problem["detail"]
    assert problem["errors"][0]["field"] == "image_data"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "image_data"),
        ({"image_data": ""}, "image_data"),
        ({"image_data": 5}, "image_data"),
        ({"image_data": None}, "image_data"),
        ({"image_data": "YWJj", "confidence_threshold": 1.01}, "confidence_threshold"),
        ({"image_data": "YWJj", "confidence_threshold": -0.1}, "confidence_threshold"),
        ({"image_data": "YWJj", "confidence_threshold": "high"}, "confidence_threshold"),
        ({"image_data": "YWJj", "confidence_threshold": True}, "confidence_threshold"),
        ({"image_data": "YWJj", "confidence_threshold": float("nan")}, "confidence_threshold"),
        ({"image_data": "YWJj", "return_probabilities": "perhaps"}, "return_probabilities"),
        ({"image_data": "YWJj", "confidense_threshold": 0.5}, "confidense_threshold"),
        ({"image_data": "YWJj", "\ud800": 1}, "body"),
        ({"image_data": "\ud800"}, "image_data"),
        ({"image_data": "YWJj", "x" * 5000: 1}, "x" * 80),
        ([], "body"),
        ("text", "body"),
    ],
    ids=str,
)
def test_fields_are_checked(service, content, field):
    answer = service.post("/predict", content=json.dumps(content), headers=JSON)
    problem = _problem(answer, 422, "unusable-fields")
    assert field in [fault["field"] for fault in problem["errors"]]


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"[" * 30_000, b'{"image_data": 1e}'], ids=["cut", "bytes", "deep", "number"]
)
def test_a_body_that_is_no_json(service, body):
    answer = service.post("/predict", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["success"] is False


@pytest.mark.parametrize(
    ("data", "field"),
    [({"confidence_threshold": "2"}, "confidence_threshold"), ({"return_probabilities": "x"}, "return_probabilities")],
    ids=str,
)
def test_form_fields_are_checked(service, gradient_png, data, field):
    answer = service.post("/predict/file", files={"file": gradient_png}, data=data)
    assert [fault["field"] for fault in _problem(answer, 422, "unusable-fields")["errors"]] == [field]


def test_a_form_without_a_file(service):
    problem = _problem(service.post("/predict/file", data={"confidence_threshold": "0.5"}), 422, "unusable-fields")
    assert problem["errors"][0]["field"] == "file"
    answer = service.post("/predict/file", content=b"--x\r\nbroken", headers={"content-type": "multipart/form-data"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (lambda encoded: b"", "empty"),
        (lambda encoded: b"plain text", "unsupported"),
        (lambda encoded: encoded("JPEG", (200, 200))[:1500], "truncated"),
        (lambda encoded: encoded("PNG")[:50] + b"??" + encoded("PNG")[52:], "corrupt"),
    ],
    ids=["empty", "text", "cut", "damaged"],
)
def test_an_image_that_cannot_be_read(service, encoded, data, verdict):
    data = data(encoded)
    problem = _problem(service.post("/predict/file", files={"file": data}), 422, "unreadable-image")
    assert problem["verdict"] == "unreadable"
    assert problem["image_verdict"] == verdict
    if data:
        by_text = service.post("/predict", json={"image_data": _text(data)})
        again = _problem(by_text, 422, "unreadable-image")
        assert again.pop("request_id") != problem.pop("request_id")
        assert again == problem


def test_too_many_pixels_are_refused_before_decoding(service, encoded, max_bytes):
    data = encoded("PNG", (1500, 1000))
    assert len(data) < max_bytes
    for answer in (
        service.post("/predict", json={"image_data": _text(data)}),
        service.post("/predict/file", files={"file": data}),
    ):
        problem = _problem(answer, 413, "too-large")
        assert "1500 x 1000" in problem["detail"]
        assert problem["image_verdict"] == "bomb"


@pytest.mark.parametrize(("times", "more"), [(1, 1), (2, 0), (20, 0)], ids=["a byte", "twice", "far"])
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
@pytest.mark.parametrize("route", ["/predict", "/predict/file"])
def test_too_many_bytes_are_refused_on_both_routes(service, encoded, max_bytes, times, more, declared, route):
    size = max_bytes * times + more
    data = encoded("PNG") + bytes(size - len(encoded("PNG")))
    if route == "/predict":
        request = service.build_request("POST", route, json={"image_data": _text(data)})
    else:
        request = service.build_request("POST", route, files={"file": data})
    body = request.read()
    headers = {"content-type": request.headers["content-type"]}
    content = body if declared else (body[i : i + 50_000] for i in range(0, len(body), 50_000))
    try:
        answer = httpx.post(service.base_url.join(route), content=content, headers=headers, timeout=30)
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        assert size > max_bytes * 3  # whoever sends on and on is cut off
        return
    assert f"at most {max_bytes:,} bytes" in _problem(answer, 413, "too-large")["detail"]


def test_the_largest_allowed_image_is_answered(service, encoded, max_bytes):
    data = encoded("PNG") + bytes(max_bytes - len(encoded("PNG")))
    assert service.post("/predict", json={"image_data": "data:image/png;base64," + _text(data)}).status_code == 200
    assert service.post("/predict/file", files={"file": data}).status_code == 200


def test_a_client_that_waits_is_told_before_it_sends(service, max_bytes):
    head = (
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {max_bytes * 100}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((service.base_url.host, service.base_url.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_unknown_paths_and_methods(service):
    assert _problem(service.get("/nothing/here"), 404)["title"] == "Not Found"
    answer = service.get("/predict")
    assert _problem(answer, 405)["title"] == "Method Not Allowed"
    assert answer.headers["allow"] == "POST"


def test_the_log_holds_no_image(service, photograph):
    text = _text(photograph.read_bytes())
    service.post("/predict", json={"image_data": text})
    service.post("/predict", json={"image_data": text[:-8] + "!", "confidence_threshold": 7})
    service.get("/secret-name")
    log = Path(service.headers["x-working-folder"], "service.log").read_text()
    assert "POST /predict 200" in log
    assert "POST /predict 422" in log
    assert "unknown unknown 404" in log
    assert text[:40] not in log
    assert "secret-name" not in log
    assert "Traceback" not in log
    assert max(map(len, log.splitlines())) < 300


def test_what_was_sent_is_not_sent_back(service, photograph):
    text = _text(photograph.read_bytes())
    for content in ({"image_data": [text]}, {"image_data": text, "also": text}, {"image_data": text + "!"}):
        answer = service.post("/predict", json=content)
        assert answer.status_code == 422
        assert text[:40] not in answer.text
        assert all(set(fault) == {"field", "message"} for fault in answer.json()["errors"])
