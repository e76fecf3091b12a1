"""What the service tells of itself: lines of the log, the audit trail, and what stands in neither."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import os
import sys
from datetime import UTC, datetime

import pytest
from PIL import Image

from ai_models.core.errors import ConfigError
from ai_models.serving.admission.keys import Scope
from ai_models.serving.audit import AuditTrail
from ai_models.serving.logs import JsonLines, Lines
from ai_models.serving.settings import ServiceSettings

LINE = {
    "time", "request_id", "route", "key", "sha256", "verdict", "predicted_class", "confidence", "reason",
    "model_version",
}  # fmt: skip


def _lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_image_has_a_line(talk_to, tmp_path):
    path = tmp_path / "audit.jsonl"
    asked = talk_to(ServiceSettings(audit_file=str(path)))
    one = asked.post("/predict/file", files={"file": b"one"}, headers={"x-request-id": "r-1"})
    asked.post(
        "/predict/batch", json={"images": [base64.b64encode(b"two").decode(), base64.b64encode(b"bad").decode()]}
    )
    asked.post("/predict", json={"image_data": "!"})
    first, *both = _lines(path)
    bad, second = sorted(both, key=lambda line: line["verdict"] != "unreadable")  # they are judged side by side
    assert set(first) == set(bad) == LINE
    assert first["sha256"] == hashlib.sha256(b"one").hexdigest()
    assert (first["request_id"], first["route"], first["key"]) == ("r-1", "/predict/file", "")
    assert (first["predicted_class"], first["confidence"], first["verdict"]) == ("a", 0.8, one.json()["verdict"])
    assert first["model_version"] == one.json()["model_version"]
    assert abs((datetime.now(UTC) - datetime.fromisoformat(first["time"])).total_seconds()) < 60
    assert second["sha256"] == hashlib.sha256(b"two").hexdigest()
    assert (bad["verdict"], bad["predicted_class"], bad["confidence"]) == ("unreadable", None, None)
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_trail_is_added_to_and_begun_anew_where_it_was_moved_away(tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_text('{"kept": 1}\n')
    trail, other = AuditTrail(str(path)), AuditTrail(str(path))
    trail.judged(key="ร้าน")
    other.judged(key="\ud800")
    assert [line.get("key") for line in _lines(path)] == [None, "ร้าน", "\ud800"]
    path.rename(tmp_path / "audit.jsonl.1")
    trail.judged(key="new")
    assert [line["key"] for line in _lines(path)] == ["new"]
    with pytest.raises(ConfigError, match="audit_file"):
        AuditTrail(str(tmp_path))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_what_cannot_be_written_is_not_answered(talk_to, caplog):
    asked = talk_to(ServiceSettings(audit_file="/dev/full"))
    answer = asked.post("/predict/file", files={"file": b"one"})
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (503, "not-audited")
    assert answer.headers["retry-after"] == "10"
    assert "No space left" in caplog.text or "no space left" in caplog.text


def _record(**more):
    return logging.LogRecord("ai_models.x", logging.INFO, "f", 1, "said %s", ("ก",), more.pop("exc_info", None))


def test_a_line_of_json(capsys):
    record = _record()
    record.fields = {"status": 200}
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["logger"], line["message"], line["status"]) == ("INFO", "ai_models.x", "said ก", 200)
    assert "\n" not in JsonLines().format(record)


@pytest.mark.parametrize("form", [JsonLines, Lines])
def test_a_fault_is_told_by_its_place_and_kind_and_not_by_what_it_repeats(form):
    sent = ["a secret picture", "another secret"]
    try:
        try:
            raise ValueError(sent[0])
        except ValueError as error:
            raise KeyError(sent[1]) from error
    except KeyError:
        told = form().format(_record(exc_info=sys.exc_info()))
    assert all(text not in told for text in sent)
    assert all(word in told for word in ("KeyError", "ValueError", "test_told.py"))
    try:
        os.stat("/nowhere/at/all")
    except OSError:
        assert "No such file or directory" in form().format(_record(exc_info=sys.exc_info()))


def _with_exif(secret: str) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = secret  # ImageDescription
    Image.linear_gradient("L").convert("RGB").resize((64, 64)).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_whole_run_tells_no_key_no_image_and_no_exif(running, tmp_path, log_format):
    secret = "LatitudeOfTheSecretTemple"
    data = _with_exif(secret)
    text = base64.b64encode(data).decode()
    keys, key = running.keys(tmp_path, Scope.PREDICT, Scope.EXPLAIN)
    with running(log_format=log_format, keys_file=keys, audit_file=tmp_path / "audit", level="DEBUG") as (client, log):
        headers = {"authorization": f"Bearer {key}"}
        bad = {"authorization": f"Bearer {key}x", "x-request-id": key}
        assert client.post("/predict/file", files={"file": (f"{secret}.jpg", data)}, headers=headers).status_code == 200
        assert client.post("/predict", json={"image_data": text}, headers=headers).status_code == 200
        assert client.post("/predict", json={"image_data": text + "!", "x": text}, headers=headers).status_code == 422
        assert client.post("/predict/file", files={"file": data[:-200]}, headers=headers).status_code == 422
        assert client.post("/explain", files={"file": data}, headers=headers).status_code == 200
        assert client.post("/predict/file", files={"file": data}, headers=bad).status_code == 401
        assert client.get(f"/{key}/{secret}", params={"key": key}).status_code == 404
        client.get("/health", headers={"x-request-id": key, "user-agent": secret, "cookie": key})
    written = log.read_text() + (tmp_path / "audit").read_text()
    assert "/predict/file" in written
    audited = _lines(tmp_path / "audit")
    assert [line["route"] for line in audited if line["reason"] == "explained"] == ["/explain"]
    assert all(set(line) == LINE for line in audited)
    assert hashlib.sha256(data).hexdigest() in written
    assert "shop" in written
    for never in (secret, key, key.split("_", 2)[2], text[:60], repr(data[:12])[2:-1]):
        assert never not in written
    if log_format == "json":
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        asked = next(line for line in lines if line.get("route") == "/predict/file")
        assert (asked["status"], asked["method"], asked["key"]) == (200, "POST", "shop")
        assert len(asked["request_id"]) == 32
