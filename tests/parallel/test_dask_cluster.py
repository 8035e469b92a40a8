"""A real cluster of two worker processes; some tests kill a worker."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest

from skood._optional import is_installed

if not is_installed("distributed"):
    pytest.skip("distributed (extra 'dask') is not installed", allow_module_level=True)

import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd

from skood import KernelDensityOutlierDetector, KNNOutlierDetector, LCPOutlierDetector
from skood.parallel import DaskOutlierDetector, ShardedIndex

from .dask_cluster import opened
from .dask_instruments import CountedDetector, FatalDetector, FatalIndex

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
X[200:210] = X[:10]  # equal rows in different shards
Q = np.vstack([RNG.normal(size=(80, 4)) * 2, X[195:205]])
ROWS, QUERIES = da.from_array(X, chunks=(110, -1)), da.from_array(Q, chunks=(10, -1))


@pytest.fixture(scope="module")
def client():
    with opened(memory_limit="2 GB") as client:
        yield client


async def keep_tasks_where_they_are(dask_scheduler, *, stop):
    stealing = dask_scheduler.extensions["stealing"]
    await (stealing.stop() if stop else stealing.start())


def on_both_workers(client, parts):
    addresses = sorted(client.scheduler_info()["workers"])
    held = [
        client.scatter(part, workers=[addresses[i % 2]], hash=False) for i, part in enumerate(parts)
    ]
    return da.concatenate(
        [
            da.from_delayed(node, part.shape, part.dtype)
            for node, part in zip(held, parts, strict=True)
        ]
    )


def pids(client):
    return set(client.run(os.getpid).values())


def test_a_detector_travels_to_each_worker_once(client, tmp_path):
    detector = CountedDetector().fit(X)
    detector.log = str(tmp_path / "log")
    lazy = DaskOutlierDetector(detector)
    # Dask's memory manager drops copies that only a few last tasks wait for. A task that moves to
    # another worker then fetches a copy again. The same happens between computations, so this test
    # computes everything at once.
    client.amm.stop()
    scores, decisions, _ = dask.compute(
        lazy.score_samples(QUERIES),
        lazy.predict(QUERIES),
        lazy.decision_function(QUERIES[::-1]),
    )
    client.amm.start()
    np.testing.assert_allclose(scores, detector.score_samples(Q), rtol=1e-6)
    np.testing.assert_array_equal(decisions, detector.predict(Q))
    unpickled = Counter((tmp_path / "log").read_text().split())
    assert set(map(int, unpickled)) <= pids(client)
    assert set(unpickled.values()) == {1}  # 27 chunks


def test_partitions_of_a_frame_on_workers(client):
    names = list("abcd")
    detector = LCPOutlierDetector().fit(pd.DataFrame(X, columns=names))
    frame = pd.DataFrame(Q, columns=names, index=np.arange(len(Q)) * 3)
    scores = DaskOutlierDetector(detector).score_samples(dd.from_pandas(frame, npartitions=4))
    computed = scores.compute()
    np.testing.assert_array_equal(computed.index, frame.index)
    np.testing.assert_allclose(computed, detector.score_samples(frame), rtol=1e-6)


@pytest.mark.parametrize(
    "plain",
    [LCPOutlierDetector(locality=0.5), KernelDensityOutlierDetector()],
    ids=lambda plain: type(plain).__name__,
)
def test_shards_on_workers_answer_as_one_index(client, plain):
    plain.set_params(threshold_samples=50, random_state=0).fit(X)
    # A shard is built where its rows lie, as long as no idle worker takes it away.
    client.run_on_scheduler(keep_tasks_where_they_are, stop=True)
    rows = on_both_workers(client, np.split(X, 4))
    over = type(plain)(**{**plain.get_params(), "algorithm": ShardedIndex()}).fit(rows)
    keys = [shard.key for shard in over.index_.shards_()]
    holders = {worker for key in keys for worker in client.who_has()[key]}
    client.run_on_scheduler(keep_tasks_where_they_are, stop=False)
    assert len(holders) == 2
    np.testing.assert_allclose(over.training_scores_, plain.training_scores_, rtol=1e-6)
    np.testing.assert_allclose(over.score_samples(Q), plain.score_samples(Q), rtol=1e-6)
    lazy = DaskOutlierDetector(over).score_samples(QUERIES)
    np.testing.assert_allclose(lazy.compute(), plain.score_samples(Q), rtol=1e-6)


def test_a_worker_killed_while_scoring(client, tmp_path):
    before = pids(client)
    detector = FatalDetector().fit(X)
    detector.fatal, detector.flag, detector.parent = Q[45], str(tmp_path / "killed"), os.getpid()
    scores = DaskOutlierDetector(detector).score_samples(QUERIES).compute()
    assert (tmp_path / "killed").exists()
    np.testing.assert_allclose(scores, KNNOutlierDetector().fit(X).score_samples(Q), rtol=1e-6)
    client.wait_for_workers(2)
    assert len(before & pids(client)) == 1


def test_a_worker_killed_in_a_sharded_fit(client, tmp_path):
    before = pids(client)
    # The worker dies in the search for the rows that set the threshold, and its shards are lost.
    index = ShardedIndex(FatalIndex(str(tmp_path / "killed"), os.getpid()), n_shards=4)
    sharded = LCPOutlierDetector(algorithm=index).fit(ROWS)
    assert (tmp_path / "killed").exists()
    unsharded = LCPOutlierDetector().fit(X)
    np.testing.assert_allclose(sharded.training_scores_, unsharded.training_scores_, rtol=1e-6)
    np.testing.assert_allclose(sharded.score_samples(Q), unsharded.score_samples(Q), rtol=1e-6)
    client.wait_for_workers(2)
    assert len(before & pids(client)) == 1


def test_references_larger_than_the_workers_memory(client):
    huge = da.zeros((100_000_000, 16), chunks=(1_000_000, -1), dtype=np.float32)
    with pytest.raises(MemoryError, match=r"100000000 .* take 6.4 GB, .* 2 worker\(s\) .* 4 GB"):
        KNNOutlierDetector(algorithm=ShardedIndex()).fit(huge)
    lopsided = da.zeros((40_000_000, 16), chunks=((1_000_000, 39_000_000), -1), dtype=np.float32)
    with pytest.raises(MemoryError, match=r"Shard 1 .* 39000000 rows, which take 2.5 GB"):
        ShardedIndex().fit(lopsided)
