"""Keys, their file and their limit, and who is let in: the application in this process, without a model."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ai_models.core.errors import ConfigError, DataError
from ai_models.serving.admission.keys import Key, Scope, create_key, read_keys, recognised, revoke_key, write_keys
from ai_models.serving.admission.rates import RatesBusyError, RateTable, state_directory
from ai_models.serving.settings import ServiceSettings

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and locks of POSIX")


def _made(name: str = "shop", *scopes: Scope, **more: Any) -> tuple[str, Key]:
    return create_key((), name, scopes or (Scope.PREDICT,), **more)


# keys


def test_a_key_is_recognised_and_no_change_of_it_is():
    text, key = _made()
    keys = {key.id: key}
    assert recognised(keys, text.encode()) is key
    assert key.sha256 == hashlib.sha256(text.encode()).hexdigest()
    for i in range(len(text)):
        other = "b" if text[i] != "b" else "c"
        assert recognised(keys, (text[:i] + other + text[i + 1 :]).encode()) is None
    for wrong in (
        b"",
        b"ak_",
        text.encode()[:-1],
        text.encode() + b"\n",
        "กุญแจ".encode(),
        b"\xff" * 60,
        b"ak_" + b"0" * 10**6,
    ):
        assert recognised(keys, wrong) is None
    assert recognised({}, text.encode()) is None


def test_no_two_keys_are_alike_and_each_has_256_random_bits():
    keys: tuple[Key, ...] = ()
    texts = set()
    for i in range(50):
        text, key = create_key(keys, f"n{i}", (Scope.PREDICT,))
        keys, texts = (*keys, key), texts | {text.split("_", 2)[2]}
    assert len(texts) == 50
    assert {len(secret) for secret in texts} == {43}  # 32 bytes in base64


def test_the_file_holds_digests_and_is_for_its_owner(tmp_path):
    text, key = _made("ร้านพระ", Scope.PREDICT, Scope.METRICS, rate=7, expires=datetime(2100, 1, 2, tzinfo=UTC))
    path = tmp_path / "keys.json"
    write_keys(path, (key,))
    assert read_keys(path) == (key,)
    assert text not in path.read_text()
    assert text.split("_", 2)[2] not in path.read_text()
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "amulet-ai keys create"), ("", "damaged"), ("[]", "damaged"), ('{"format": 2, "keys": []}', "format 2"),
        ('{"format": 1, "keys": [{"id": "x"}]}', "damaged"), ("[" * 100_000, "damaged"), ("\udcff", "damaged"),
    ],
    ids=["none", "empty", "list", "newer", "cut", "deep", "bytes"],
)  # fmt: skip
def test_a_file_that_cannot_be_used(tmp_path, content, words):
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=words):
        read_keys(path)


@pytest.mark.parametrize(
    "change",
    [{"scopes": ("all",)}, {"sha256": "00"}, {"id": "../"}, {"rate": -1}, {"expires": "soon"}, {"name": 5}],
    ids=str,
)
def test_an_entry_that_cannot_be_used(tmp_path, change):
    _, key = _made()
    path = tmp_path / "keys.json"
    write_keys(path, (key,))
    content = json.loads(path.read_text())
    content["keys"][0].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="damaged"):
        read_keys(path)


def test_names_are_taken_once_and_keys_are_revoked_by_name_or_id():
    _, one = _made("one")
    _, two = create_key((one,), "two", (Scope.PREDICT,))
    for name in ("one", "", "a\nb", " a", "x" * 65, "\x7f"):
        with pytest.raises(ConfigError, match="--name"):
            create_key((one, two), name, (Scope.PREDICT,))
    assert revoke_key((one, two), "one") == ((two,), one)
    assert revoke_key((one, two), two.id) == ((one,), two)
    with pytest.raises(DataError, match="no key"):
        revoke_key((one,), "three")


def test_a_key_ends():
    _, key = _made(expires=datetime(2030, 1, 2, tzinfo=UTC))
    assert not key.expired(datetime(2030, 1, 1, 23, 59, tzinfo=UTC))
    assert key.expired(datetime(2030, 1, 2, tzinfo=UTC))


# the limit


@pytest.fixture
def table(tmp_path: Path) -> RateTable:
    return RateTable(tmp_path / "rates", slots=64)


def test_a_limit_worked_out_by_hand(table):
    said = [(now, table.ask("k", 10, 5, now=now)) for now in (1000, 1001, 1030, 1060, 1061, 1062, 1091, 1122, 1500)]
    assert [(now, a.granted, a.remaining, a.seconds) for now, a in said] == [
        (1000, True, 5, 61), (1001, True, 0, 60), (1030, False, 0, 31), (1060, False, 0, 1), (1061, True, 0, 1),
        (1062, True, 0, 60), (1091, False, 0, 31), (1122, True, 0, 1), (1500, True, 5, 61),
    ]  # fmt: skip


def test_no_window_holds_more_than_the_limit(table):
    import numpy as np

    rng = np.random.default_rng(0)
    times, granted = np.cumsum(rng.choice([0, 0, 0, 1, 1, 7, 40], 4000)) + 100, []
    for now in times.tolist():
        cost = int(rng.integers(1, 4))
        granted += [now] * cost if table.ask("k", 20, cost, now=now).granted else []
    stamps = np.array(granted)
    most = max(int(((stamps >= t) & (stamps <= t + 60)).sum()) for t in np.unique(stamps))
    assert most == 20  # reached, and never passed, though the ends of a window are both counted in


def test_a_refused_request_is_let_in_after_the_time_told(table):
    for now in (500, 510, 520):
        assert table.ask("k", 3, now=now).granted
    wait = table.ask("k", 3, 2, now=530).seconds
    assert not table.ask("k", 3, 2, now=530 + wait - 1).granted
    assert table.ask("k", 3, 2, now=530 + wait).granted


def test_callers_do_not_share_and_none_in_use_is_forgotten(tmp_path):
    table = RateTable(tmp_path / "few", slots=4)
    for caller in "abcd":
        assert table.ask(caller, 1, now=100).granted
    for caller in "abcd":
        assert not table.ask(caller, 1, now=101).granted
    with pytest.raises(RatesBusyError, match="told apart"):
        table.ask("e", 1, now=102)
    assert table.ask("e", 1, now=200).granted


def test_a_machine_started_anew_forgets(table):
    assert table.ask("k", 1, now=10**6).granted
    assert not table.ask("k", 1, now=10**6).granted
    assert table.ask("k", 1, now=5).granted


def test_a_damaged_file_is_begun_anew(tmp_path):
    (tmp_path / "rates").write_bytes(b"something else" * 1000)
    table = RateTable(tmp_path / "rates", slots=64)
    assert table.ask("k", 1, now=3).granted
    assert not RateTable(tmp_path / "rates", slots=64).ask("k", 1, now=3).granted


def test_two_processes_together_pass_no_limit(tmp_path):
    code = (
        "import sys, time; from contextlib import suppress; from pathlib import Path\n"
        "from ai_models.serving.admission.rates import RatesBusyError, RateTable\n"
        "table, granted = RateTable(Path(sys.argv[1]), slots=64), 0\n"
        "end = time.monotonic() + 0.5\n"
        "while time.monotonic() < end:\n"
        "    with suppress(RatesBusyError):  # on a machine with too much to do: nothing is let in then\n"
        "        granted += table.ask('k', 500).granted\n"
        "print(granted)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "rates")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 500


@POSIX
def test_a_process_that_is_killed_while_counting_leaves_the_counts_usable(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ai_models.serving.admission.rates import RateTable\n"
        "table = RateTable(Path(sys.argv[1]), slots=64); print('begun', flush=True)\n"
        "while True: table.ask('k', 10**6)\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "rates")], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05)
        process.kill()
        process.wait(20)
        process.stdout.close()
        allowance = RateTable(tmp_path / "rates", slots=64).ask("k", 10**6)
        assert allowance.granted
        assert allowance.remaining < 10**6 - 1


@POSIX
def test_a_process_that_stands_still_with_the_lock_holds_nobody_up(tmp_path, table):
    import fcntl

    with (tmp_path / "rates").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        begun = time.perf_counter()
        with pytest.raises(RatesBusyError, match="does not go on"):
            table.ask("k", 1)
        assert time.perf_counter() - begun < 5


@POSIX
def test_a_folder_that_others_may_write_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = state_directory("")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="open to other users"):
        state_directory("")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used"):
        state_directory(str(tmp_path / "file"))


# settings


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"trusted_proxies": "10.0.0.0/8, here"}, "trusted_proxies"), ({"cors_origins": "shop.example"}, "origin"),
        ({"cors_origins": "https://a.example/page"}, "origin"), ({"model_name": "../x"}, "model_name"),
        ({"log_format": "xml"}, "log_format must be one of text, json"), ({"rate_limit": 0}, "rate_limit"),
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_be_used(values, words):
    with pytest.raises(ConfigError, match=words):
        ServiceSettings(**values)


def test_settings_from_the_environment():
    given = {
        "AMULET_AI_ALLOW_ANONYMOUS": "Yes",
        "AMULET_AI_RATE_LIMIT": "7",
        "AMULET_AI_CORS_ORIGINS": "https://a.example, *",
    }
    settings = ServiceSettings.from_environment(given)
    assert (settings.allow_anonymous, settings.rate_limit) == (True, 7)
    assert settings.origins() == ("https://a.example", "*")
    with pytest.raises(ConfigError, match="AMULET_AI_ALLOW_ANONYMOUS must be true or false, got 'perhaps'"):
        ServiceSettings.from_environment({"AMULET_AI_ALLOW_ANONYMOUS": "perhaps"})


# who is let in


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A file of keys, and their texts by name."""
    made: tuple[Key, ...] = ()
    texts = {}
    past = datetime.now(UTC) - timedelta(days=1)
    for name, scopes, more in (
        ("shop", (Scope.PREDICT,), {}), ("watch", (Scope.METRICS,), {}), ("chief", (Scope.ADMIN,), {}),
        ("old", (Scope.PREDICT,), {"expires": past}), ("slow", (Scope.PREDICT,), {"rate": 3}),
    ):  # fmt: skip
        texts[name], key = create_key(made, name, scopes, **more)
        made = (*made, key)
    write_keys(tmp_path / "keys.json", made)
    return tmp_path / "keys.json", texts


@pytest.fixture
def guarded(keys, tmp_path, talk_to):
    """Ask an application with keys: asked(method, path, ...) -> answer."""
    settings = ServiceSettings(keys_file=str(keys[0]), state_dir=str(tmp_path / "state"))
    return talk_to(settings)


def _bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def test_a_key_opens_what_it_is_for(guarded, keys):
    texts, sent = keys[1], {"files": {"file": b"x"}}
    assert guarded.post("/predict/file", **sent, headers=_bearer(texts["shop"])).status_code == 200
    assert guarded.post("/predict/file", **sent, headers={"x-api-key": texts["shop"]}).status_code == 200
    assert guarded.post("/predict/file", **sent, headers=_bearer(texts["chief"])).status_code == 200
    assert guarded.get("/metrics", headers=_bearer(texts["watch"])).status_code == 200
    assert guarded.get("/v2/models/amulet", headers=_bearer(texts["shop"])).status_code == 200
    refused = guarded.get("/metrics", headers=_bearer(texts["shop"]))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem-type:amulet-ai:not-allowed")
    assert guarded.post("/predict/file", **sent, headers=_bearer(texts["watch"])).status_code == 403


@pytest.mark.parametrize("path", ["/predict", "/predict/file", "/predict/batch", "/v2/models/amulet/infer", "/metrics"])
def test_nobody_comes_in_without_one(guarded, keys, path):
    shop = keys[1]["shop"]
    wrong = (
        {}, _bearer(""), _bearer("x"), _bearer(keys[1]["old"]), _bearer(shop[:-1] + ("a" if shop[-1] != "a" else "b")),
        {"authorization": f"Basic {shop}"}, {"authorization": b"Bearer \xe0\xb8\x81\xff"}, {"x-api-key": b"\x80" * 300},
        [("x-api-key", shop), ("authorization", f"Bearer {keys[1]['slow']}")],
    )  # fmt: skip
    for headers in wrong:
        answer = guarded.request("GET" if path == "/metrics" else "POST", path, headers=headers, content=b"")
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["type"].endswith(":unknown-key")
        assert shop not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/health", "/livez", "/readyz", "/v2", "/v2/health/live"]
)
def test_what_needs_no_key(guarded, path):
    assert guarded.get(path).status_code == 200


def test_a_limit_of_a_key_is_told_and_kept(guarded, keys):
    slow, sent = _bearer(keys[1]["slow"]), {"files": {"file": b"x"}}
    answers = [guarded.post("/predict/file", **sent, headers=slow) for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert [a.headers["ratelimit"].split(";")[1] for a in answers] == ["r=2", "r=1", "r=0", "r=0", "r=0"]
    assert answers[0].headers["ratelimit-policy"] == '"minute";q=3;w=60'
    assert 1 <= int(answers[3].headers["retry-after"]) <= 61
    assert answers[3].json()["type"].endswith(":too-many-requests")
    assert guarded.post("/predict/file", **sent, headers=_bearer(keys[1]["shop"])).status_code == 200


def test_each_image_of_a_batch_counts(guarded, keys):
    slow = _bearer(keys[1]["slow"])
    assert guarded.post("/predict/batch", json={"images": ["eA=="] * 2}, headers=slow).json()["judged"] == 2
    assert guarded.post("/predict/batch", json={"images": ["eA=="] * 2}, headers=slow).status_code == 429
    assert guarded.post("/predict/batch", json={"images": ["eA=="] * 5}, headers=slow).status_code in (413, 429)


def test_a_change_of_the_keys_is_seen_and_a_damaged_file_lets_nobody_in(keys, guarded, monkeypatch):
    monkeypatch.setattr("ai_models.serving.admission.door._LOOK_AGAIN", 0.0)
    path, texts = keys
    sent: dict[str, Any] = {"files": {"file": b"x"}, "headers": _bearer(texts["shop"])}
    assert guarded.post("/predict/file", **sent).status_code == 200
    all_of_them = read_keys(path)
    write_keys(path, revoke_key(all_of_them, "shop")[0])
    assert guarded.post("/predict/file", **sent).status_code == 401
    path.write_text("{")
    answer = guarded.post("/predict/file", **sent)
    assert (answer.status_code, answer.json()["type"][-15:], answer.headers["retry-after"]) == (
        503,
        "keys-unreadable",
        "10",
    )
    path.unlink()
    assert guarded.post("/predict/file", **sent).status_code == 503
    write_keys(path, all_of_them)
    assert guarded.post("/predict/file", **sent).status_code == 200


def test_without_keys_only_this_machine_is_answered(tmp_path, talk_to):
    open_to_all = ServiceSettings(allow_anonymous=True, rate_limit=2, state_dir=str(tmp_path / "s"))
    for settings, server, expected in (
        (ServiceSettings(), "127.0.0.1", 200), (ServiceSettings(), "::1", 200), (ServiceSettings(), "192.0.2.7", 403),
        (ServiceSettings(), "::ffff:192.0.2.7", 403), (open_to_all, "192.0.2.7", 200),
    ):  # fmt: skip
        host = f"[{server}]" if ":" in server else server
        answer = talk_to(settings).post(f"http://{host}/predict/file", files={"file": b"x"})
        assert answer.status_code == expected, (settings, server)
    here = talk_to(ServiceSettings())
    for headers, expected in (
        ({"host": "localhost:8000"}, 200), ({"host": "[::1]:8000"}, 200), ({"host": "127.0.0.1"}, 200),
        ({"host": "rebound.example"}, 403), ({"host": "127.0.0.1.rebound.example"}, 403),
        ({"x-forwarded-for": "198.51.100.1"}, 403), ({"forwarded": "for=198.51.100.1"}, 403),
    ):  # fmt: skip
        answer = here.post("http://127.0.0.1/predict/file", files={"file": b"x"}, headers=headers)
        assert answer.status_code == expected, headers
    assert not (tmp_path / "amulet-ai").exists()


def test_strangers_are_counted_by_address_and_proxies_are_believed_where_named(tmp_path, talk_to):
    settings = ServiceSettings(
        allow_anonymous=True, rate_limit=1, state_dir=str(tmp_path / "s"), trusted_proxies="127.0.0.0/8, 10.0.0.0/8"
    )
    asked = talk_to(settings, client="127.0.0.1")

    def status(forwarded: str) -> int:
        headers = {"x-forwarded-for": forwarded}
        return asked.post("/predict/file", files={"file": b"x"}, headers=headers).status_code

    assert [status("198.51.100.1"), status("198.51.100.1"), status("198.51.100.2")] == [200, 429, 200]
    assert status("203.0.113.9, 198.51.100.1") == 429  # what the client claims itself is not believed
    assert status("198.51.100.3, 10.1.1.1") == 200
    assert [status("2001:db8::1"), status("2001:db8::2"), status("2001:db8:0:1::2")] == [200, 429, 200]
    unbelieved = ServiceSettings(allow_anonymous=True, rate_limit=1, state_dir=str(tmp_path / "t"))
    asked = talk_to(unbelieved, client="198.51.100.77")
    assert [status("1.1.1.1"), status("2.2.2.2")] == [200, 429]


def test_pages_of_other_origins_may_not_ask_unless_named(talk_to):
    asks = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    closed = talk_to(ServiceSettings()).options("/predict", headers=asks)
    assert closed.status_code == 405
    assert "access-control-allow-origin" not in closed.headers
    opened = talk_to(ServiceSettings(cors_origins="https://shop.example"))
    assert opened.options("/predict", headers=asks).headers["access-control-allow-origin"] == "https://shop.example"
    other = opened.options("/predict", headers=asks | {"origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
    assert "access-control-allow-credentials" not in opened.options("/predict", headers=asks).headers


def test_every_answer_has_its_headers(talk_to):
    asked = talk_to(ServiceSettings(hsts_seconds=1000))
    for answer in (
        asked.get("/health"),
        asked.get("/nothing"),
        asked.post("/predict"),
        asked.get("/"),
        asked.get("/docs"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["strict-transport-security"] == "max-age=1000"
        assert len(answer.headers["x-request-id"]) == 32
    assert "strict-transport-security" not in talk_to(ServiceSettings()).get("/health").headers


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("order-17.b_2", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("a\u00e9", False),
        ("ak_1234", False),
    ],
    ids=str,
)
def test_a_sane_request_id_is_taken_over(talk_to, sent, kept):
    answer = talk_to(ServiceSettings()).get("/nothing", headers={"x-request-id": sent.encode()})
    assert (answer.headers["x-request-id"] == sent) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
