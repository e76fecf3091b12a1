"""What servers do: each behaviour has its verdict, and none of them takes more than its limits."""

from __future__ import annotations

import email.utils
import hashlib
import time

import pytest

from ai_models.downloading import download, summary
from ai_models.downloading.fetching import _redirected, _seconds, parse
from ai_models.downloading.outcome import FetchError

from .conftest import FAST, LOCAL, picture


@pytest.fixture
def fetched(site, listed, tmp_path):
    """Ask for one path of the server and return its row."""

    def ask(path, config=FAST):
        (record,) = download(listed((site.url(path), "a")), tmp_path / "out", config, network=LOCAL).records
        kept = [p for p in (tmp_path / "out").rglob("*") if p.is_file() and p.name != "provenance.csv"]
        assert len(kept) == record.ok
        return record

    return ask


@pytest.mark.parametrize(
    ("path", "verdict", "attempts", "words"),
    [
        ("/status/404", "http_error", 1, "404 Not Found"),
        ("/status/304", "http_error", 1, "304"),
        ("/status/503", "http_error", 2, "503"),
        ("/html/1.jpg", "unsupported", 1, ""),
        ("/empty/1", "empty", 1, ""),
        ("/zipped/1", "encoded", 1, "compressed"),
        ("/short/1", "cut_short", 2, "bytes came"),
        ("/halved/1", "truncated", 1, ""),
        ("/chunked/cut", "cut_short", 2, ""),
        ("/claims/99999999", "too_large", 1, "99,999,999 bytes"),
        ("/endless/1", "too_large", 1, "more than the 1,048,576"),
        ("/bighead/1", "too_large", 1, ""),
        ("/longline/1", "too_large", 1, ""),
        ("/padded/1", "too_large", 1, ""),
        ("/nohttp/1", "protocol", 2, "no HTTP"),
        ("/hangup/1", "cut_short", 2, ""),
        ("/nowhere/1", "redirect_refused", 1, "to nowhere"),
        ("/round/a", "redirect_refused", 1, "circle"),
        ("/far/0", "redirect_refused", 1, "more than 5"),
        ("/to/file:///etc/passwd", "redirect_refused", 1, "http"),
        ("/to/ftp://127.0.0.1/x", "redirect_refused", 1, "http"),
        ("/to/http://user:pass@127.0.0.1/", "redirect_refused", 1, "password"),
        ("/to/http://127.0.0.1:25/", "redirect_refused", 1, "port 25"),
        ("/to/http://[zz]/", "redirect_refused", 1, ""),
    ],
)  # fmt: skip
def test_what_brings_no_file(fetched, path, verdict, attempts, words):
    record = fetched(path, FAST.replace(retries=1))
    assert (record.verdict, record.attempts) == (verdict, attempts), record.detail
    assert words in record.detail
    assert record.file == ""


@pytest.mark.parametrize("path", ["/drip/1", "/slowhead/1"])
def test_a_drip_ends_at_the_deadline(fetched, path):
    began = time.monotonic()
    record = fetched(path, FAST.replace(retries=0, deadline=0.8, timeout=0.5))
    assert (record.verdict, record.detail) == ("timeout", "not whole after 0.8 s")
    assert time.monotonic() - began < 2.5


def test_silence_ends_sooner(fetched):
    record = fetched("/silent/1", FAST.replace(retries=0, timeout=0.3))
    assert (record.verdict, record.detail) == ("timeout", "silent for 0.3 s")


def test_the_bytes_are_kept_as_they_were_sent(fetched, site, tmp_path):
    record = fetched("/image/7")
    data = picture(7)
    digest = hashlib.sha256(data).hexdigest()
    assert record.file == f"a/{digest[:16]}.jpg"
    assert (tmp_path / "out" / record.file).read_bytes() == data
    assert (record.sha256, record.bytes, record.format) == (digest, len(data), "JPEG")
    assert (record.width, record.height, record.status, record.content_type) == (32, 24, 200, "image/jpeg")
    assert (record.final_url, record.attempts, record.verdict) == (site.url("/image/7"), 1, "ok")
    assert site.heads["/image/7"] == {
        "Host": f"127.0.0.1:{site.port}", "User-Agent": FAST.user_agent,
        "Accept": "image/jpeg, image/png, image/*;q=0.8, */*;q=0.5",
        "Accept-Encoding": "identity", "Connection": "close",
    }  # fmt: skip


def test_the_ending_comes_from_the_content(fetched):
    record = fetched("/png/1")
    assert record.content_type == "image/jpeg"
    assert record.file.endswith(".png")


def test_chunks_are_put_together(fetched, tmp_path):
    assert (tmp_path / "out" / fetched("/chunked/1").file).read_bytes() == picture(1)


def test_a_redirect_is_followed_and_noted(fetched, site):
    assert fetched("/to//image/3").final_url == site.url("/image/3")


def test_a_server_that_fails_twice_is_asked_three_times(fetched, site):
    record = fetched("/flaky/2")
    assert (record.verdict, record.attempts, site.asked["/flaky/2"]) == ("ok", 3, 3)


def test_retry_after_is_waited_for(fetched, site):
    began = time.monotonic()
    assert fetched("/busy/2").attempts == 2
    assert time.monotonic() - began > 1.9


def test_a_wait_beyond_the_limit_is_left_for_a_later_run(fetched, site):
    record = fetched("/busy/3600", FAST)
    assert (record.verdict, record.attempts) == ("http_error", 1)
    assert "asks to wait 3600 s" in record.detail
    assert fetched("/busy/3600").ok  # the next run asks again


def test_retry_after_as_a_date():
    assert 50 < _seconds(email.utils.formatdate(time.time() + 60, usegmt=True)) < 61
    assert _seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert [_seconds(t) for t in ("", "soon", "-3", "7", "9" * 40)] == [0, 0, 0, 7, 0]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/1", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("example.org/1.jpg", "must begin with http"),
        ("http:///1.jpg", "names no host"),
        ("http://me:secret@example.org/", "password"),
        ("http://example.org@10.0.0.1/", "password"),
        ("http://example.org\\@10.0.0.1/", "backslash"),
        ("http://exa\tmple.org/", "control character"),
        ("http://example.org:22/", "port 22"),
        ("http://example.org:0/", "port 0"),
        ("http://example.org:99999/", "ort"),
        ("http://exa mple.org/", "no name of a host"),
        ("http://[::1", ""),
    ],
)  # fmt: skip
def test_addresses_that_are_not_asked(url, words):
    with pytest.raises(FetchError) as caught:
        parse(url)
    assert caught.value.outcome == "bad_url"
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://Example.org", "http://example.org/"),
        ("https://example.org:443/a b.jpg?q=ก#part", "https://example.org/a%20b.jpg?q=%E0%B8%81"),
        ("http://example.org:8080/%E0%B8%81", "http://example.org:8080/%E0%B8%81"),
        ("http://พระ.ไทย/รูป.jpg", "http://xn--v3ck3b.xn--o3cw4h/%E0%B8%A3%E0%B8%B9%E0%B8%9B.jpg"),
        ("http://[2606:4700::1111]/x", "http://[2606:4700::1111]/x"),
    ],
)  # fmt: skip
def test_addresses_are_sent_in_ascii(url, sent):
    assert parse(url).url == sent


def test_encryption_is_not_left_on_a_redirect():
    safe, plain = parse("https://example.org/a"), parse("http://example.org/a")
    with pytest.raises(FetchError, match="redirect_refused: redirects from https to http"):
        _redirected(safe, "http://example.org/b")
    assert _redirected(safe, "b?c").url == "https://example.org/b?c"
    assert _redirected(plain, "https://example.org/b").url == "https://example.org/b"
    assert _redirected(plain, "/ก".encode().decode("latin-1")).url == "http://example.org/%E0%B8%81"


def test_a_hostile_address_is_shown_without_its_control_characters(listed, tmp_path):
    done = download(listed(("http://example.org/\x1b]0;owned\x07", "a")), tmp_path / "out", FAST, network=LOCAL)
    assert done.records[0].verdict == "bad_url"
    assert "http://example.org/\\x1b]0;owned\\x07 (a control character" in summary(done)
