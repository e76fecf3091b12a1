"""What becomes of questions: real processes that are slow, crash or are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from ai_models.core.errors import BundleError, ImageError
from ai_models.core.predictions import Prediction
from ai_models.serving.workers.answers import Fault
from ai_models.serving.workers.errors import BusyError, StoppingError, TimeLimitError, WorkerLostError
from ai_models.serving.workers.place import Limits
from ai_models.serving.workers.workforce import Workforce

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc")
either = pytest.mark.parametrize("nursery", ["forked", "alone"], indirect=True)


def _who(said) -> tuple[int, int, int, int]:
    assert isinstance(said.result, Prediction)
    pid, together, prepared, size = map(int, said.result.detail.split())
    return pid, together, prepared, size


@either
def test_questions_are_answered_by_all_workers_and_nobody_else(talk):
    async def ask(force):
        said = await asyncio.gather(*(force.judge(b"sleep 0.05") for _ in range(8)))
        return {_who(one)[0] for one in said}, set(force.pids), {_who(one)[2] for one in said}, said[0].version

    answered, pids, prepared, version = talk(ask, version="7")
    assert len(answered) == 2
    assert answered <= pids
    assert os.getpid() not in pids
    assert prepared == {1}
    assert version == "7"


def test_workers_come_after_the_service(talk):
    async def ask(force):
        places = [Path(f"/proc/{pid}") for pid in force.pids[1:]]  # the first is the template
        return [
            (int((p / "stat").read_text().rpartition(")")[2].split()[16]), int((p / "oom_score_adj").read_text()))
            for p in places
        ]

    own = os.nice(0)
    assert talk(ask) == [(max(own, 5), 500)] * 2


@either
def test_what_was_sent_comes_whole(talk):
    sizes = [0, 1, 70_000, 5_000_000]

    async def ask(force):
        return [_who(await force.judge(bytes(size)))[3] for size in sizes]

    assert talk(ask) == sizes


@either
def test_faults_come_back_as_what_they_are(talk):
    async def ask(force):
        return [(await force.judge(order)).result for order in (b"fault", b"unreadable", b"print", b"x")]

    fault, unreadable, printed, known = talk(ask, workers=1)
    assert fault == Fault("RuntimeError")
    assert isinstance(unreadable, ImageError)
    assert (unreadable.verdict, unreadable.detail) == ("corrupt", "as it was told")
    assert isinstance(printed, Prediction)  # what a library prints disturbs no message
    assert known.probabilities == {"a": 0.8, "b": 0.2}


@either
def test_a_worker_that_takes_too_long_is_killed_and_replaced(talk, runs):
    async def ask(force):
        first = _who(await force.judge(b"x"))[0]
        start = time.monotonic()
        with pytest.raises(TimeLimitError):
            await force.judge(b"sleep 60")
        took = time.monotonic() - start
        return first, took, _who(await force.judge(b"x"))[0]

    first, took, second = talk(ask, workers=1, seconds=0.4)
    assert 0.4 <= took < 2
    assert second != first
    assert not runs(first)


@either
@pytest.mark.parametrize("order", [b"exit 3", b"exit 0", b"segfault"], ids=bytes.decode)
def test_a_worker_that_ends_costs_its_question_alone(talk, order, caplog):
    async def ask(force):
        others = [asyncio.create_task(force.judge(b"sleep 0.02")) for _ in range(6)]
        with pytest.raises(WorkerLostError):
            await force.judge(order)
        return await asyncio.gather(*others), _who(await force.judge(b"x"))

    others, _ = talk(ask)
    assert len({_who(one)[0] for one in others}) >= 1
    expected = {b"exit 3": "status 3", b"exit 0": "status 0", b"segfault": f"signal {int(signal.SIGSEGV)}"}[order]
    assert f"a worker ended ({expected}) and is replaced" in caplog.text


@either
def test_a_worker_that_is_killed_while_idle_costs_nothing(talk):
    async def ask(force):
        before = set(force.pids)
        os.kill(_who(await force.judge(b"x"))[0], signal.SIGKILL)
        for _ in range(200):
            await asyncio.sleep(0.02)
            if force.ready == 1 and set(force.pids) != before:
                break
        return before, _who(await force.judge(b"x"))[0]

    before, now = talk(ask, workers=1)
    assert now not in before


def test_the_process_that_holds_the_model_is_started_again(talk, nursery):
    async def ask(force):
        before = force.pids
        os.kill(before[0], signal.SIGKILL)  # of the forked ones the template, and all go with it
        for _ in range(500):
            await asyncio.sleep(0.02)
            if force.ready == 2 and before[0] not in force.pids:
                break
        said = await asyncio.gather(*(force.judge(b"sleep 0.02") for _ in range(4)))
        return before, {_who(one)[0] for one in said}, force.lost

    before, now, lost = talk(ask)
    assert before[0] not in now
    assert lost in (1, 2)


def test_images_that_wait_go_to_a_worker_together_and_a_bad_one_is_found(talk):
    async def ask(force):
        busy = [asyncio.create_task(force.judge(b"sleep 0.2"))]
        await asyncio.sleep(0.05)
        waiting = [asyncio.create_task(force.judge(b"x")) for _ in range(9)]
        many = [_who(one)[1] for one in await asyncio.gather(*waiting)]
        busy.append(asyncio.create_task(force.judge(b"sleep 0.2")))
        await asyncio.sleep(0.05)
        orders = [b"x", b"exit 1", b"x", b"y"]
        found = await asyncio.gather(*map(force.judge, orders), return_exceptions=True)
        await asyncio.gather(*busy)
        return many, found

    many, found = talk(ask, workers=1, together=4)
    assert many == [4, 4, 4, 4, 4, 4, 4, 4, 1]
    assert isinstance(found[1], WorkerLostError)
    assert [_who(one)[1] for i, one in enumerate(found) if i != 1] == [1, 1, 1]


def test_a_large_image_goes_alone(talk):
    async def ask(force):
        busy = asyncio.create_task(force.judge(b"sleep 0.2"))
        await asyncio.sleep(0.05)
        sizes = [10, 10, 300_000, 10]
        said = await asyncio.gather(*(force.judge(bytes(size)) for size in sizes))
        await busy
        return [_who(one)[1] for one in said]

    assert talk(ask, workers=1, together=4) == [2, 2, 1, 1]


def test_what_is_too_much_is_refused_at_once_and_told_for_how_long(talk):
    async def ask(force):
        asked = [asyncio.create_task(force.judge(b"sleep 0.1")) for _ in range(20)]
        await asyncio.sleep(0)
        assert force.full
        start = time.monotonic()
        with pytest.raises(BusyError) as refused:
            await force.judge(b"x")
        assert time.monotonic() - start < 0.05
        said = await asyncio.gather(*asked, return_exceptions=True)
        assert not force.full
        await force.judge(b"x")
        return refused.value.seconds, sum(isinstance(one, BusyError) for one in said)

    seconds, refused = talk(ask, workers=2, queue=5)
    assert 0 < seconds < 5
    assert refused == 20 - 5 - 2


def test_who_goes_away_is_not_judged(talk):
    async def ask(force):
        busy = asyncio.create_task(force.judge(b"sleep 0.3"))
        await asyncio.sleep(0.05)
        gone = [asyncio.create_task(force.judge(b"sleep 5")) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in gone:
            task.cancel()
        start = time.monotonic()
        await force.judge(b"x")
        await busy
        return time.monotonic() - start

    assert talk(ask, workers=1) < 2


@either
def test_a_new_model_takes_over_without_a_lost_question(talk, nursery):
    async def ask(force):
        await force.explain(b"x")
        before = set(force.pids)
        asked, stop = [], asyncio.Event()

        async def ask_on():
            while not stop.is_set():
                asked.append(await force.judge(b"sleep 0.01"))

        askers = [asyncio.create_task(ask_on()) for _ in range(4)]
        await asyncio.sleep(0.1)
        await force.employ(nursery(version="2"))
        assert force.about["version"] == "2"
        assert not before & set(force.pids)
        assert (await force.explain(b"x")).version == "2"
        at = len(asked)
        await asyncio.sleep(0.1)
        stop.set()
        await asyncio.gather(*askers)
        return [one.version for one in asked], at

    versions, at = talk(ask)
    assert versions[0] == "1"
    assert set(versions[at + 4 :]) == {"2"}


@either
@pytest.mark.parametrize(("what", "error", "words"), [
    ({"broken": True}, BundleError, "mend it"), ({"crashes": True}, WorkerLostError, "ended without a word|^$"),
], ids=["broken", "crashes"])  # fmt: skip
def test_a_model_that_cannot_be_loaded_leaves_the_old_one(talk, nursery, what, error, words):
    async def ask(force):
        before = set(force.pids)
        with pytest.raises(error, match=words):
            await force.employ(nursery(**what))
        assert set(force.pids) == before
        return (await force.judge(b"x")).version

    assert talk(ask) == "1"


def test_a_model_that_cannot_be_loaded_at_first(nursery):
    async def start():
        force = Workforce(Limits(1, 1, 1.0))
        try:
            await force.employ(nursery(broken=True))
        finally:
            await force.close()

    with pytest.raises(BundleError, match="mend it"):
        asyncio.run(start())


def test_one_worker_explains_once_that_is_asked_for(talk):
    async def ask(force):
        before = len(force.pids)
        explained = await force.explain(b"four")
        return len(force.pids) - before, explained

    more, explained = talk(ask)
    assert more == 1
    assert (explained.content, explained.overlay, explained.version) == ({"bytes": 4}, b"picture", "1")


def test_whoever_still_waits_at_the_end_is_told(talk):
    async def ask(force):
        asked = [asyncio.create_task(force.judge(b"sleep 60")) for _ in range(3)]
        await asyncio.sleep(0.1)
        force.stop()
        with pytest.raises(StoppingError):
            await force.judge(b"x")
        force.abandon()
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(one) for one in talk(ask, workers=1)] == [StoppingError] * 3


def test_workers_end_with_the_service(runs, tmp_path):
    code = (
        "import asyncio, os, sys\n"
        "from ai_models.serving.workers.workforce import Workforce\n"
        "from ai_models.serving.workers.place import Limits\n"
        "from ai_models.serving.workers.nursery import ForkingNursery\n"
        "async def main():\n"
        "    force = Workforce(Limits(2, 5, 60.0))\n"
        "    await force.employ(ForkingNursery({}, 'obedient'))\n"
        "    print(*force.pids, flush=True)\n"
        "    await asyncio.gather(*(force.judge(b'sleep 50') for _ in range(2)))\n"
        "asyncio.run(main())\n"
    )
    import subprocess

    import ai_models

    paths = os.pathsep.join([str(Path(ai_models.__file__).parents[1]), os.environ["PYTHONPATH"]])
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": paths}
    )
    assert process.stdout is not None
    pids = list(map(int, process.stdout.readline().split()))
    assert len(pids) == 3
    time.sleep(0.2)
    process.kill()
    process.wait()
    process.stdout.close()
    assert not [pid for pid in pids if runs(pid)]
