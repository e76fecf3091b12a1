"""The whole way: equal for any number of workers and any interruption, nothing of the user's touched."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ai_models.core.errors import DataError, OutputError
from ai_models.downloading import Entry, download, summary
from ai_models.downloading.agenda import Turn
from ai_models.downloading.keeping import Store, locked
from ai_models.downloading.ledger import Ledger
from ai_models.downloading.stage import _Run

from .conftest import FAST, LOCAL, picture

TIMES = ("fetched_at",)


def _table(folder: Path, *left_out: str) -> list[dict[str, str]]:
    with (folder / "provenance.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{k: v for k, v in row.items() if k not in (*TIMES, *left_out)} for row in rows]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "provenance.csv"
    }


def _mixed(site, n=20):
    return [
        *((site.url(f"/image/{i}"), "พระรอด" if i % 2 else "b") for i in range(n)),
        (site.url("/image/0.jpg"), "b"),  # equal bytes, same class
        (site.url("/image/1.jpg"), "b"),  # equal bytes, another class
        (site.url("/status/404"), "b"),
        (site.url("/html/1"), "b"),
        ("http://10.0.0.1/x", "b"),
        ("mailto:x", "b"),
    ]


def test_the_number_of_workers_changes_nothing_but_times(site, listed, tmp_path):
    path = listed(*_mixed(site))
    for name, workers in (("one", 1), ("eight", 8)):
        download(path, tmp_path / name, FAST.replace(workers=workers, per_host=8), network=LOCAL)
    assert _table(tmp_path / "one") == _table(tmp_path / "eight")
    assert _files(tmp_path / "one") == _files(tmp_path / "eight")
    assert len(_files(tmp_path / "one")) == 21
    verdicts = [row["verdict"] for row in _table(tmp_path / "one")]
    assert verdicts == ["ok"] * 22 + ["http_error", "unsupported", "address_refused", "bad_url"]
    assert [r["url"] for r in _table(tmp_path / "one")] == [url for url, _ in _mixed(site)]


def test_equal_bytes_are_one_file_and_two_classes_a_conflict(site, listed, tmp_path):
    done = download(listed(*_mixed(site)), tmp_path / "o", FAST, network=LOCAL)
    rows = {(r.url, r.label): r for r in done.records}
    assert rows[site.url("/image/0"), "b"].file == rows[site.url("/image/0.jpg"), "b"].file
    two = rows[site.url("/image/1"), "พระรอด"], rows[site.url("/image/1.jpg"), "b"]
    assert [r.conflict for r in two] == ["b", "พระรอด"]
    assert sum(bool(r.conflict) for r in done.records) == 2
    said = summary(done)
    assert "conflict: 1 images stand under more than one class: " in said
    assert "b and พระรอด" in said
    assert "22 of 26 addresses gave an image (26 asked now), 21 files:" in said


def test_a_second_run_asks_for_what_is_missing_alone(site, listed, tmp_path):
    out = tmp_path / "o"
    first = listed((site.url("/image/1"), "a"), (site.url("/status/404"), "a"), (site.url("/flaky/1"), "a"))
    download(first, out, FAST.replace(retries=0), network=LOCAL)
    assert [r["verdict"] for r in _table(out)] == ["ok", "http_error", "http_error"]
    second = listed(
        (site.url("/image/2"), "b", "Ann"), (site.url("/image/1"), "a", "Bob, x".replace(",", ";")),
        (site.url("/status/404"), "a", ""), header="url,class,author", name="more.csv",
    )  # fmt: skip
    done = download(second, out, FAST, network=LOCAL)
    assert done.asked == 1
    assert (site.asked["/image/1"], site.asked["/image/2"], site.asked["/status/404"]) == (1, 1, 1)
    rows = _table(out)
    assert [(r["url"], r["author"]) for r in rows] == [
        (site.url("/image/2"), "Ann"), (site.url("/image/1"), "Bob; x"), (site.url("/status/404"), ""),
        (site.url("/flaky/1"), ""),
    ]  # fmt: skip
    assert download(first, out, FAST, network=LOCAL).asked == 1  # 500 may pass, 404 does not
    assert download(first, out, FAST.replace(retry_failed=True), network=LOCAL).asked == 1
    assert {r["author"] for r in _table(out)} == {"Ann", "Bob; x", ""}


@pytest.mark.parametrize("damage", ["gone", "shortened"])
def test_a_file_that_is_not_there_whole_is_fetched_again(damage, site, listed, tmp_path):
    path, out = listed((site.url("/image/1"), "a")), tmp_path / "o"
    (record,) = download(path, out, FAST, network=LOCAL).records
    if damage == "gone":
        (out / record.file).unlink()
        (again,) = download(path, out, FAST, network=LOCAL).records
        assert (out / again.file).read_bytes() == picture(1)
    else:
        (out / record.file).write_bytes(b"the user's")
        (again,) = download(path, out, FAST, network=LOCAL).records
        assert (again.verdict, again.file) == ("occupied", "")
        assert (out / record.file).read_bytes() == b"the user's"
    assert site.asked["/image/1"] == 2


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a program that was started in the background ignores it
from ai_models.core.settings import DownloadConfig
from ai_models.downloading import Network, download
config = DownloadConfig(workers=2, per_host=2, delay=0, retries=2)
download(sys.argv[1], sys.argv[2], config, network=Network(allowed=lambda a: a == "127.0.0.1"))
"""


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_goes_on_as_if_it_had_not_been(signal_number, site, listed, tmp_path):
    path = listed(*_mixed(site, 40))
    site.latency = 0.05
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, path, tmp_path / "broken"], stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    until = time.monotonic() + 60
    while sum(site.asked.values()) < 12 and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal_number)
    ended = time.monotonic()
    running.communicate(timeout=20)
    assert running.returncode != 0
    assert time.monotonic() - ended < 5
    site.latency = 0.0
    kept = sum(r["verdict"] == "ok" for r in _table(tmp_path / "broken"))
    assert 5 <= kept <= 30
    partial = tmp_path / "broken" / ".partial"
    assert partial.exists() == (signal_number == signal.SIGKILL)
    finished = [r["url"] for r in _table(tmp_path / "broken")]
    before = {url: site.asked[url.removeprefix(site.url(""))] for url in finished}
    done = download(path, tmp_path / "broken", FAST, network=LOCAL)
    assert done.asked == 46 - len(finished)
    assert before == {url: site.asked[url.removeprefix(site.url(""))] for url in finished}
    download(path, tmp_path / "whole", FAST, network=LOCAL)
    assert _table(tmp_path / "broken") == _table(tmp_path / "whole")
    assert _files(tmp_path / "broken") == _files(tmp_path / "whole")
    assert not partial.exists()


def test_a_fault_of_the_disk_ends_the_run_with_a_sentence(site, listed, tmp_path, monkeypatch):
    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ai_models.downloading.stage.fetch", full)
    with pytest.raises(OutputError, match="free some space and run again"):
        download(listed(*_mixed(site)), tmp_path / "o", FAST, network=LOCAL)
    assert _files(tmp_path / "o") == {}


def test_a_bug_in_a_worker_shows_itself(site, listed, tmp_path, monkeypatch):
    monkeypatch.setattr(_Run, "_attempt", lambda self, turn: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        download(listed(*_mixed(site)), tmp_path / "o", FAST, network=LOCAL)


def test_a_folder_of_others_is_left_alone(site, listed, tmp_path):
    out = tmp_path / "o"
    out.mkdir()
    (out / "provenance.csv").write_text("my,own,table\n", encoding="utf-8")
    with pytest.raises(DataError, match="must be a ledger of this command"):
        download(listed((site.url("/image/1"), "a")), out, FAST, network=LOCAL)
    assert (out / "provenance.csv").read_text(encoding="utf-8") == "my,own,table\n"
    assert not site.asked


def test_one_host_is_asked_no_more_at_once_than_is_set(site, listed, tmp_path, monkeypatch):
    inside, most, lock = [0], [0], threading.Lock()
    attempt = _Run._attempt

    def counted(self, turn):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        try:
            return attempt(self, turn)
        finally:
            with lock:
                inside[0] -= 1

    monkeypatch.setattr(_Run, "_attempt", counted)
    site.latency = 0.3
    path = listed(*((site.url(f"/image/{i}"), "a") for i in range(8)))
    config = FAST.replace(workers=8, per_host=3, timeout=5.0, deadline=9.0)
    assert all(r.ok for r in download(path, tmp_path / "o", config, network=LOCAL).records)
    assert most[0] == 3


def test_one_host_is_asked_no_faster_than_is_set(site, listed, tmp_path):
    path = listed(*((site.url(f"/image/{i}"), "a") for i in range(4)))
    began = time.monotonic()
    download(path, tmp_path / "o", FAST.replace(workers=8, per_host=8, delay=0.2), network=LOCAL)
    assert time.monotonic() - began >= 0.6


def test_a_slow_host_does_not_hold_up_others(site, listed, tmp_path):
    network = LOCAL.__class__(resolve=lambda host, port: ["127.0.0.1"], allowed=LOCAL.allowed)
    slow = [(f"http://slow.example:{site.port}/silent/{i}", "a") for i in range(3)]
    quick = [(f"http://quick.example:{site.port}/image/{i}", "a") for i in range(6)]
    order = []
    write = Ledger.append
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "ai_models.downloading.ledger.Ledger.append", lambda self, r: (order.append(r.url), write(self, r))
        )
        config = FAST.replace(workers=2, per_host=1, retries=0, timeout=0.7)
        download(listed(*slow, *quick), tmp_path / "o", config, network=network)
    assert sum("slow" in url for url in order[:7]) == 1


def test_consolidation_links_and_never_replaces(site, listed, tmp_path, monkeypatch):
    both = tmp_path / "both"
    for name, number in (("one", 1), ("two", 2)):
        path = listed((site.url(f"/image/{number}"), "a"), (site.url("/image/9"), "a"), name=f"{name}.csv")
        done = download(path, tmp_path / name, FAST, network=LOCAL, consolidate_dir=both)
    assert (done.consolidated.made, done.consolidated.there, done.consolidated.copied) == (1, 1, 0)
    assert len(_files(both)) == 3
    file = done.records[0].file
    assert (both / file).samefile(tmp_path / "two" / file)

    (both / file).unlink()
    (both / file).write_bytes(b"the user's")
    done = download(path, tmp_path / "two", FAST, network=LOCAL, consolidate_dir=both)
    assert done.consolidated.occupied == (file,)
    assert (both / file).read_bytes() == b"the user's"
    assert f"1 left out, as another file stands there: {file}" in summary(done)

    for mode in ("copy", "symlink"):
        there = tmp_path / mode
        download(path, tmp_path / "two", FAST.replace(link_mode=mode), network=LOCAL, consolidate_dir=there)
        assert (there / file).is_symlink() == (mode == "symlink")
        assert (there / file).read_bytes() == picture(2)
        assert (there / file).samefile(tmp_path / "two" / file) == (mode == "symlink")

    def refused(*arguments):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("ai_models.downloading.consolidation.os.link", refused)
    done = download(path, tmp_path / "two", FAST, network=LOCAL, consolidate_dir=tmp_path / "far")
    assert (done.consolidated.made, done.consolidated.copied) == (2, 2)
    assert hashlib.sha256((tmp_path / "far" / file).read_bytes()).hexdigest() == done.records[0].sha256
    assert "2 of them are copies" in summary(done)


def test_folders_within_each_other_are_refused(listed, tmp_path):
    path = listed(("http://127.0.0.1/x", "a"))
    for one, other in (("o", "o"), ("o", "o/in"), ("o/in", "o")):
        with pytest.raises(OutputError, match="must lie apart"):
            download(path, tmp_path / one, FAST, consolidate_dir=tmp_path / other)


def test_two_runs_do_not_write_to_one_folder(site, listed, tmp_path):
    out = tmp_path / "o"
    out.mkdir()
    with locked(out), pytest.raises(OutputError, match="another run writes to"):
        download(listed((site.url("/image/1"), "a")), out, FAST, network=LOCAL)
    assert not site.asked
    assert download(listed((site.url("/image/1"), "a")), out, FAST, network=LOCAL).records[0].ok


def test_waits_grow_and_depend_on_the_seed_and_the_address_alone(tmp_path):
    def waits(url, seed=0):
        run = _Run([], FAST.replace(seed=seed), LOCAL, Store(tmp_path), Ledger(tmp_path, []))
        return [run._wait(Turn(0, Entry(url, "a", {}), "h", n), 0.0) for n in range(1, 10)]

    one = waits("http://e.org/1")
    assert one == waits("http://e.org/1")
    assert one != waits("http://e.org/2")
    assert one != waits("http://e.org/1", seed=1)
    assert all(0.5 <= wait / min(30, 0.5 * 2**n) <= 1.5 for n, wait in enumerate(one))
