"""What a cluster computes is what this machine computes, bit for bit, whatever becomes of its workers."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from ai_models.artifacts import read_bundle
from ai_models.cluster import cluster_in_use, computing
from ai_models.core.errors import ClusterError, ConfigError, DataError
from ai_models.core.manifest_stream import ManifestStream
from ai_models.core.settings import ComputeConfig, FeatureConfig, TrainingConfig
from ai_models.execution import map_ordered
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.features.streamed_table import write_streamed_features
from ai_models.training import train_model

ROOT = Path(__file__).parents[3]


def _extractor(cache: Path | None, **changed: object) -> HybridFeatureExtractor:
    """Return an extractor of all blocks that need no network, on small pictures."""
    config = FeatureConfig(
        use_cnn_features=False, image_size=64, cache_features=cache is not None, cache_dir=str(cache or "unused")
    ).replace(**changed)
    return HybridFeatureExtractor(config, workers=2)


def _same(a: RawFeatures, b: RawFeatures) -> bool:
    return (
        list(a.blocks) == list(b.blocks)
        and all(a.blocks[name].dtype == b.blocks[name].dtype for name in a.blocks)
        and all(a.blocks[name].tobytes() == b.blocks[name].tobytes() for name in a.blocks)
        and np.array_equal(a.quality, b.quality)
        and a.errors == b.errors
    )


@pytest.fixture(scope="module")
def local(pictures: list[Path]) -> RawFeatures:
    return _extractor(None).extract_raw(pictures, label="")


def _dask(processes) -> ComputeConfig:
    return ComputeConfig(engine="dask", scheduler=processes.address)


def test_features_are_those_of_this_machine_and_lie_in_the_ordinary_cache(two_workers, pictures, local, tmp_path):
    with computing(_dask(two_workers), shared=tmp_path) as cluster:
        assert cluster_in_use() is cluster
        cluster.client.wait_for_workers(2, timeout=60)
        there = _extractor(tmp_path).extract_raw(pictures, label="")
        assert _same(there, local)
        parts = list(_extractor(None).iter_raw(pictures, label=""))  # without a cache too
        assert len(parts) > 4
        assert all(_same(part, local.take(range(start, start + len(part)))) for start, part in parts)
    assert cluster_in_use() is None
    assert not list(tmp_path.glob(".cluster-*"))
    again = _extractor(tmp_path)
    assert _same(again.extract_raw(pictures, label=""), local)
    assert again.cache_stats["misses"] == 0


def test_a_streamed_manifest_is_the_same_array_and_may_name_urls(two_workers, pictures, tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = [file.as_uri() if number % 2 else file.name for number, file in enumerate(pictures)]
    parquet.write_table(pyarrow.table({"path": names}), tmp_path / "manifest.parquet")
    stream = ManifestStream(tmp_path / "manifest.parquet", root=pictures[0].parent)
    features = _extractor(tmp_path / "cache").config
    with computing(_dask(two_workers), shared=tmp_path / "cache"):
        write_streamed_features(stream, tmp_path / "there", features=features)
    here = features.replace(cache_features=False)
    write_streamed_features(stream, tmp_path / "here", features=here)
    assert (tmp_path / "there/features.npy").read_bytes() == (tmp_path / "here/features.npy").read_bytes()


def test_a_model_is_the_one_of_this_machine(two_workers, split_textures, classical_features, tiny_model, tmp_path):
    config = TrainingConfig(quick_mode=True, workers=1)
    with computing(_dask(two_workers), shared=tmp_path):
        there = train_model(split_textures, tmp_path / "model", training=config, features=classical_features)
    assert read_bundle(there)["model_digest"] == read_bundle(tiny_model)["model_digest"]


def test_large_arrays_are_written_once_and_fits_keep_their_order(two_workers, tmp_path):
    large = np.arange(300_000, dtype=np.float64)
    network = b"onnx" * 300_000
    with computing(_dask(two_workers), shared=tmp_path) as cluster:
        found = map_ordered(
            lambda item: (item[0], float(item[1].sum()), len(item[2])),
            [(number, large, network) for number in range(12)],
            workers=1,
            backend="processes",
        )
        assert list(found) == [(number, float(large.sum()), len(network)) for number in range(12)]
        kept = sorted(p.suffix for p in cluster.folder.path.iterdir() if p.suffix)
        assert kept == [".bytes", ".npy"]


def test_an_error_comes_at_its_turn(two_workers, tmp_path):
    def fail_at_three(number: int) -> int:
        if number == 3:
            raise LookupError("three")
        return number

    with computing(_dask(two_workers), shared=tmp_path):
        got = []
        with pytest.raises(LookupError, match="three"):
            got.extend(iter(map_ordered(fail_at_three, iter(range(9)), workers=2, backend="processes")))
        assert list(map_ordered(abs, range(3), workers=2, backend="processes")) == [0, 1, 2]


def test_unreadable_images_are_named_as_they_are_here(two_workers, pictures, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:300])
    items = [*pictures[:40], broken, tmp_path / "nothing.jpg"]
    with computing(_dask(two_workers), shared=tmp_path / "cache"):
        there = _extractor(tmp_path / "cache").extract_raw(items, on_error="record", label="")
        with pytest.raises(DataError, match=r"broken\.jpg' cannot be read as an image"):
            _extractor(tmp_path / "cache").extract_raw(items, label="")
    assert _same(there, _extractor(None).extract_raw(items, on_error="record", label=""))
    assert sorted(there.errors) == [40, 41]


def test_images_and_folders_that_workers_do_not_see_are_refused(two_workers, pictures, tmp_path, monkeypatch):
    if not Path("/proc/self/cwd").exists():
        pytest.skip("needs a path that is another place in every process")
    monkeypatch.chdir(tmp_path)  # the workers stand elsewhere
    for file in pictures[:40]:
        shutil.copy(file, tmp_path)
    elsewhere = [Path("/proc/self/cwd") / file.name for file in pictures[:40]]
    with (
        computing(_dask(two_workers), shared=tmp_path / "cache"),
        pytest.raises(ClusterError, match="which is a file here: keep images where every worker sees them"),
    ):
        _extractor(tmp_path / "cache").extract_raw(elsewhere, on_error="record", label="")
    with (
        pytest.raises(ClusterError, match="does not share the folder '/proc/self/cwd/here'"),
        computing(_dask(two_workers), shared="/proc/self/cwd/here"),
    ):
        pass
    assert not list((tmp_path / "here").iterdir())


def test_a_worker_of_other_code_is_refused_also_when_it_comes_later(two_workers, pictures, tmp_path):
    shutil.copytree(ROOT / "ai_models", tmp_path / "ai_models", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "ai_models" / "quality.py").open("a") as file:
        file.write("# another version\n")
    try:
        with computing(_dask(two_workers), shared=tmp_path / "cache") as cluster:
            odd = two_workers.add_worker(code=tmp_path)
            cluster.client.wait_for_workers(3, timeout=60)
            with pytest.raises(ClusterError, match=r"has other versions: its code \w{12} \(here \w{12}\)"):
                _extractor(None).extract_raw(pictures * 5, label="")
        with (
            pytest.raises(ClusterError, match="would not give the results of this machine: it has its code"),
            computing(_dask(two_workers), shared=tmp_path / "cache"),
        ):
            pass
    finally:
        odd.kill()
        odd.wait()


def test_a_worker_that_is_killed_half_way_changes_nothing(dask_processes, pictures, local, tmp_path):
    with (
        dask_processes.running(tmp_path / "cluster", 2) as processes,
        computing(_dask(processes), shared=tmp_path / "cache") as cluster,
    ):
        cluster.client.wait_for_workers(2, timeout=60)
        parts = _extractor(tmp_path / "cache").iter_raw(pictures, label="")
        found = [next(parts)]
        os.kill(processes.workers[0].pid, signal.SIGKILL)
        found.extend(parts)
        assert len(cluster.client.ncores()) == 1
        # fits, with the last worker gone and another one coming
        survivor = processes.workers[1]

        def slow(number: int) -> int:
            time.sleep(0.2)
            return number

        results = map_ordered(slow, range(8), workers=2, backend="processes")
        assert next(results) == 0
        processes.add_worker()
        survivor.kill()
        assert list(results) == list(range(1, 8))
    assert [start for start, _ in found] == sorted({start for start, _ in found})
    assert all(_same(part, local.take(range(start, start + len(part)))) for start, part in found)
    assert sum(len(part) for _, part in found) == len(pictures)


def test_a_scheduler_that_cannot_be_reached_is_one_sentence(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("ai_models.cluster.connecting._CONNECT", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with (
            pytest.raises(ClusterError, match=f"no Dask scheduler answers at '{address}'"),
            computing(ComputeConfig(engine="dask", scheduler=address), shared=tmp_path),
        ):
            pass


def test_a_scheduler_without_workers_is_one_sentence(dask_processes, tmp_path, monkeypatch):
    monkeypatch.setattr("ai_models.cluster.connecting._WORKERS", 0.5)
    with (
        dask_processes.running(tmp_path / "cluster", 0) as processes,
        pytest.raises(ClusterError, match="has no worker: start one"),
        computing(_dask(processes), shared=tmp_path),
    ):
        pass


def test_a_lost_scheduler_is_one_sentence(dask_processes, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("ai_models.cluster.connecting._CONNECT", 3)  # seconds for coming back, too
    with (
        dask_processes.running(tmp_path / "cluster", 1) as processes,
        computing(_dask(processes), shared=tmp_path),
    ):
        parts = _extractor(None).iter_raw(pictures, label="")
        next(parts)
        fits = map_ordered(lambda n: time.sleep(0.2) or os.getpid(), range(500), workers=1, backend="processes")
        assert next(fits) != os.getpid()  # one worker alone does not leave the work to this process
        processes.close()
        for results in (fits, parts):
            with pytest.raises(ClusterError, match=r"scheduler of the cluster was lost|gave up a task"):
                list(results)


def test_a_scheduler_without_its_engine_is_refused():
    with pytest.raises(ConfigError, match="add --engine dask"):
        ComputeConfig(scheduler="tcp://127.0.0.1:8786")
