"""Health, counters and documentation."""

from __future__ import annotations

import re

import httpx
import joblib
from prometheus_client.parser import text_string_to_metric_families

from ai_models._version import __version__
from ai_models.artifacts import read_bundle


def _samples(service: httpx.Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = service.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def _count(samples: dict, name: str, **labels: str) -> float:
    return samples.get((name, tuple(sorted(labels.items()))), 0.0)


def test_health_counts_predictions(service, tiny_model, gradient_png):
    before = service.get("/health").json()
    assert set(before) == {
        "status", "model_loaded", "version", "model_version", "uptime_seconds", "memory_usage_mb",
        "cpu_usage_percent", "predictions_count", "average_response_time_ms", "workers", "reload_failure",
        "model_standing",
    }  # fmt: skip
    times = [service.post("/predict/file", files={"file": gradient_png}).json()["processing_time_ms"] for _ in range(3)]
    after = service.get("/health").json()
    assert after["status"] == "ok"
    assert after["model_loaded"] is True
    assert (after["workers"], after["reload_failure"]) == (joblib.cpu_count(), "")
    assert after["model_standing"] == "local"
    assert after["version"] == __version__
    assert after["model_version"] == read_bundle(tiny_model)["model_digest"][:12]
    assert after["predictions_count"] == before["predictions_count"] + 3
    assert after["uptime_seconds"] > before["uptime_seconds"] > 0
    assert 20 < after["memory_usage_mb"] < 4000
    assert after["cpu_usage_percent"] > 0
    total = after["average_response_time_ms"] * after["predictions_count"]
    total -= before["average_response_time_ms"] * before["predictions_count"]
    assert sum(times) * 0.9 < total < sum(times) + 100


def test_metrics_count_what_is_answered(service, gradient_png):
    before = _samples(service)
    verdict = service.post("/predict/file", files={"file": gradient_png}).json()["verdict"]
    service.post("/predict/file", files={"file": b"nothing"})
    service.get("/nowhere-1")
    service.get("/nowhere-2")
    after = _samples(service)

    def grown(name: str, **labels: str) -> float:
        return _count(after, name, **labels) - _count(before, name, **labels)

    assert grown("amulet_predictions_total", verdict=verdict) == 1
    assert grown("amulet_predictions_total", verdict="unreadable") == 1
    assert grown("amulet_prediction_seconds_count") == 1
    assert grown("amulet_http_requests_total", method="POST", route="/predict/file", status="200") == 1
    assert grown("amulet_http_requests_total", method="POST", route="/predict/file", status="422") == 1
    assert grown("amulet_http_requests_total", method="unknown", route="unknown", status="404") == 2
    assert _count(after, "amulet_model_info", version=service.get("/health").json()["model_version"]) == 1
    assert _count(after, "process_resident_memory_bytes") > 2e7
    held = {name: _count(after, f"amulet_{name}") for name in ("ready", "workers", "images_waiting", "reload_failed")}
    assert held == {"ready": 1, "workers": joblib.cpu_count(), "images_waiting": 0, "reload_failed": 0}
    assert _count(after, "amulet_workers_lost_total") == 0


def test_the_documentation_needs_no_other_server(service):
    answer = service.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.findall(r"""(?:src|href)=["']?(?!openapi\.json|\./")[^"'> ]""", answer.text)
    assert "url(" not in answer.text
    for word in ("/predict/file", "confidence_threshold", "ลายทาง", "prediction_set", "image_verdict", "503"):
        assert word in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert service.get("/redoc").status_code == 404
