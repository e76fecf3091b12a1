"""The stage: a list of web addresses -> a folder of images by class, and its ledger."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ai_models.core.logs import get_logger
from ai_models.core.paths import prepare_output_dir
from ai_models.core.progress import progress
from ai_models.core.rng import generator
from ai_models.core.settings import DownloadConfig
from ai_models.downloading.agenda import Agenda, Turn
from ai_models.downloading.consolidation import Consolidated, apart, consolidate
from ai_models.downloading.fetching import fetch, parse
from ai_models.downloading.keeping import Store, locked
from ai_models.downloading.ledger import LEDGER, Ledger, Record, file_name
from ai_models.downloading.listing import Entry, read_list
from ai_models.downloading.outcome import FetchError, StoppedError, may_pass
from ai_models.downloading.wire import Network, TimeLimit

__all__ = ["Download", "check_list", "download"]

_LONGEST_BACKOFF = 30.0
_log = get_logger(__name__)


@dataclass(frozen=True)
class Download:
    """What a run brought.

    Attributes
    ----------
    folder, ledger
        The output folder and its ``provenance.csv``.
    records
        The ledger's rows for the list, in its order.
    asked
        How many rows this run asked for; the others were done or failed for good before.
    consolidated
        The second folder; None where none was asked for.
    """

    folder: Path
    ledger: Path
    records: tuple[Record, ...]
    asked: int
    consolidated: Consolidated | None = None


def check_list(csv: str | os.PathLike[str]) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """Read a list without asking for anything.

    Returns
    -------
    entries, faulty
        Its rows, and those whose address would not be asked, with the reason.

    Raises
    ------
    DataError
        As `read_list`.
    """
    entries = read_list(csv)
    faulty = []
    for entry in entries:
        try:
            parse(entry.url)
        except FetchError as error:
            faulty.append((entry, error.detail))
    return entries, faulty


def download(
    csv: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    config: DownloadConfig | None = None,
    *,
    consolidate_dir: str | os.PathLike[str] | None = None,
    network: Network | None = None,
) -> Download:
    """Fetch the images of a list into one folder a class, and write down where each comes from.

    A row whose file is there is not asked for again; one that failed for a passing reason is.

    Parameters
    ----------
    csv
        A table with the columns ``url`` and ``class``.
    output_dir
        A new or empty folder, or one that an earlier run wrote.
    config
        The settings.
    consolidate_dir
        A second folder in which the files are linked as ``config.link_mode`` says.
    network
        How names are resolved and which addresses may be asked; by default the system's resolver and
        `ai_models.downloading.is_public`.

    Raises
    ------
    DataError, OutputError
        When the list, or a place to write to, cannot be worked with.
    """
    config, network = config or DownloadConfig(), network or Network()
    entries = read_list(csv)
    if consolidate_dir is not None:
        apart(Path(output_dir), Path(consolidate_dir))
    folder = prepare_output_dir(output_dir, ours=LEDGER, overwrite=True)
    with locked(folder):
        with Ledger(folder, entries) as ledger, Store(folder) as store:
            waiting = [entry for entry in entries if _to_ask(ledger.get(entry), store, config)]
            run = _Run(waiting, config, network, store, ledger)
            for _ in progress(run, total=len(waiting), label="download", unit="file"):
                pass
        records = ledger.rewrite()
    together = None
    if consolidate_dir is not None:
        together = consolidate(records, folder, Path(consolidate_dir), config.link_mode)
    return Download(folder, ledger.path, tuple(records[: len(entries)]), len(waiting), together)


def _to_ask(known: Record | None, store: Store, config: DownloadConfig) -> bool:
    if known is None:
        return True
    if known.ok:
        expected = file_name(known.label, known.sha256, known.format)
        return known.file != expected or not store.holds(known.file, known.bytes)
    return config.retry_failed or may_pass(known.verdict, known.status)


def _host(url: str) -> str:
    """Return whose turn a row waits for; rows that will not be asked wait for nobody."""
    try:
        return parse(url).authority
    except FetchError:
        return url


class _Run:
    """Workers on the rows that are to be asked; iterating waits for them, a row at a time."""

    def __init__(
        self, entries: Sequence[Entry], config: DownloadConfig, network: Network, store: Store, ledger: Ledger
    ) -> None:
        self._config, self._network, self._store, self._ledger = config, network, store, ledger
        self._agenda = Agenda(
            ((_host(entry.url), entry) for entry in entries), per_host=config.per_host, delay=config.delay
        )
        self._count = len(entries)
        self._stop = threading.Event()
        self._done: queue.SimpleQueue[Record | BaseException] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Record]:
        number = min(self._config.workers, self._count)
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(number)]
        try:
            for worker in workers:
                worker.start()
            for _ in range(self._count):
                done = self._done.get()
                if isinstance(done, BaseException):
                    raise done
                yield done
        finally:
            self._stop.set()
            self._agenda.end()
            for worker in workers:
                worker.join(2.0)  # one that waits for a host to connect is left to itself: the ledger is closed to it

    def _work(self) -> None:
        try:
            while (turn := self._agenda.take()) is not None:
                record, wait = self._attempt(turn)
                if wait is not None:
                    _log.info("%s: %s, again in %.1f s", turn.entry.url, record.detail, wait)
                    self._agenda.again(turn, wait=wait, whole_host=record.status in (429, 503))
                    continue
                self._ledger.append(record)
                self._agenda.finish(turn)
                self._done.put(record)
        except StoppedError:
            return
        except BaseException as error:  # told where it is raised: in the thread that waits
            self._done.put(error)

    def _attempt(self, turn: Turn) -> tuple[Record, float | None]:
        """Ask once; return what came of it, and the seconds to wait where it should be asked again."""
        entry, config = turn.entry, self._config
        record = Record(entry.url, entry.label, entry.extra, source=config.source, attempts=turn.attempt)
        try:
            return self._fetched(entry, record), None
        except FetchError as error:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            record = replace(
                record, verdict=str(error.outcome), detail=error.detail, status=error.status, fetched_at=now
            )
            again = may_pass(error.outcome, error.status) and turn.attempt <= config.retries
            return record, self._wait(turn, error.wait) if again and error.wait <= config.max_wait else None

    def _fetched(self, entry: Entry, record: Record) -> Record:
        config = self._config
        limit = TimeLimit(config.deadline, config.timeout, self._stop)
        with self._store.incoming() as (stream, path):
            answer = fetch(
                entry.url,
                stream,
                network=self._network,
                limit=limit,
                max_bytes=int(config.max_megabytes * 2**20),
                max_redirects=config.max_redirects,
                user_agent=config.user_agent,
            )
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            now = datetime.now(UTC).isoformat(timespec="seconds")
            seen, file, verdict, detail = self._store.keep(path, entry.label)
        return replace(
            record,
            file=file,
            sha256=seen.sha256,
            bytes=seen.bytes,
            format=seen.format,
            width=seen.width,
            height=seen.height,
            final_url=answer.final_url,
            status=answer.status,
            content_type=answer.content_type,
            fetched_at=now,
            verdict=verdict,
            detail=detail,
        )

    def _wait(self, turn: Turn, asked: float) -> float:
        """Return seconds: doubled each time from half a second, half to one and a half of that, or what was asked."""
        rng = generator(self._config.seed, "download-retry", turn.entry.url, turn.attempt)
        backoff = min(_LONGEST_BACKOFF, 0.5 * 2.0 ** (turn.attempt - 1)) * rng.uniform(0.5, 1.5)
        return max(asked, float(backoff))
