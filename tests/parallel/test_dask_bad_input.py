"""Dask collections that are refused: the error names the partition, and no call hangs."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
    make_outlier_pipeline,
)
from skood._optional import is_installed

if not is_installed("distributed"):
    pytest.skip("distributed (extra 'dask') is not installed", allow_module_level=True)

import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd
from distributed import Client, LocalCluster

from skood.parallel import DaskOutlierDetector, ShardedIndex

from ..detectors import rows

X = rows(60)
NAMES = list("abcd")


@pytest.fixture(autouse=True)
def _one_thread():
    with dask.config.set(scheduler="sync"):
        yield


def in_parts(*parts):
    """A Dask array with these chunks."""
    sizes = tuple(len(part) for part in parts)
    return da.from_array(np.concatenate(parts), chunks=(sizes, -1))


def in_partitions(*parts):
    """A Dask frame with these partitions; the first partition describes the frame."""
    return dd.from_map(parts.__getitem__, range(len(parts)), meta=parts[0].iloc[:0])


def spoilt(value, where):
    part = X[20:40].copy()
    part[where] = value
    return in_parts(X[:20], part, X[40:])


FITS = {
    "shards": lambda: KNNOutlierDetector(algorithm=ShardedIndex()),
    "shards of another size": lambda: LCPOutlierDetector(algorithm=ShardedIndex(n_shards=2)),
    "sums": MahalanobisOutlierDetector,
    "steps": lambda: make_pipeline(PartialWhitener(), KNNOutlierDetector()),
    "here": KNNOutlierDetector,
}
every_fit = pytest.mark.parametrize("make", FITS.values(), ids=FITS)


def calls(make, bad):
    """Calls that read bad rows: a fit, and a scoring by a fitted detector."""
    yield lambda: DaskOutlierDetector(make()).fit(bad)
    good = DaskOutlierDetector(make()).fit(in_parts(X))
    yield lambda: good.score_samples(bad).compute()


@every_fit
def test_nan_names_the_partition(make):
    for value, where, message in [
        (np.nan, (7, 2), "Partition 1 of X holds NaN or infinity, first in its row 7, column 2."),
        (np.inf, (0, 3), "Partition 1 of X holds NaN or infinity, first in its row 0, column 3."),
        (np.nan, slice(None), "Partition 1 of X holds only NaN or infinity."),
    ]:
        for call in calls(make, spoilt(value, where)):
            with pytest.raises(ValueError, match=re.escape(message)):
                call()


@every_fit
def test_empty_chunks_are_named(make):
    for call in calls(make, in_parts(X[:20], X[:0], X[20:])):
        with pytest.raises(ValueError, match=r"^Partition 1 of X is empty: leave it out"):
            call()


@every_fit
def test_unknown_chunk_sizes(make):
    unknown = dd.from_pandas(pd.DataFrame(X), npartitions=3).to_dask_array()
    for call in calls(make, unknown):
        with pytest.raises(ValueError, match=r"unknown number of rows.*X.compute_chunk_sizes\(\)"):
            call()


def frame(part, names=NAMES):
    return pd.DataFrame(part, columns=names)


@every_fit
@pytest.mark.parametrize(
    ("part", "message"),
    [
        (frame(X[:5], list("abdc")), r"Partition 1 of X must have the columns \['a', 'b', 'c', 'd"),
        (frame(X[:5, :3], list("abc")), r"Partition 1 .* Got \['a', 'b', 'c'\] instead"),
        (frame(X[:0]), "Partition 1 of X is empty: leave it out"),
        (frame(X[:5] * np.nan), "Partition 1 of X holds only NaN"),
    ],
    ids=["order", "width", "empty", "NaN"],
)
def test_partitions_of_frames_are_named(make, part, message):
    bad = in_partitions(frame(X[:20]), part, frame(X[20:]))
    with pytest.raises(ValueError, match=message):
        DaskOutlierDetector(make()).fit(bad)
    good = DaskOutlierDetector(make()).fit(in_partitions(frame(X)))
    with pytest.raises(ValueError, match=message):
        good.score_samples(bad).compute()


@every_fit
def test_other_columns_than_those_of_the_fit(make):
    good = DaskOutlierDetector(make()).fit(in_parts(X))
    with pytest.raises(ValueError, match=r"Partition 0 of X: X has 3 features, but \w+ is expect"):
        good.score_samples(in_parts(X[:, :3])).compute()
    named = DaskOutlierDetector(make()).fit(in_partitions(frame(X)))
    with pytest.raises(ValueError, match="Partition 0 of X: The feature names should match"):
        named.score_samples(in_partitions(frame(X, list("abxy")))).compute()


def test_no_workers():
    settings = {"distributed.comm.timeouts.connect": "200 ms", "scheduler": None}
    cluster = LocalCluster(n_workers=0, processes=False, dashboard_address=":0")
    with dask.config.set(settings), cluster, Client(cluster):
        fitted = KNNOutlierDetector().fit(X)
        message = r"^The Dask cluster at \S+ has no workers, and none came within 200 ms"
        with pytest.raises(RuntimeError, match=message):
            DaskOutlierDetector(fitted).score_samples(in_parts(X))
        with pytest.raises(RuntimeError, match=message):
            KNNOutlierDetector(algorithm=ShardedIndex()).fit(in_parts(X))
        with pytest.raises(RuntimeError, match=message):
            DaskOutlierDetector(MahalanobisOutlierDetector()).fit(in_parts(X))


def test_more_rows_than_this_process_can_hold():
    huge = da.ones((10**10, 8), chunks=(10**7, 8), dtype=np.float32)
    with pytest.raises(MemoryError, match=r"^LOFOutlierDetector has to be .* take 320 GB"):
        DaskOutlierDetector(LOFOutlierDetector()).fit(huge)


@pytest.mark.parametrize("value", ["kd", 3, None, KNNOutlierDetector(), ShardedIndex()])
def test_what_is_no_index(value):
    with pytest.raises(ValueError, match=r"The 'index' parameter of ShardedIndex must be 'exact'"):
        ShardedIndex(value).fit(X)


def test_parameters_of_the_index():
    with pytest.raises(ValueError, match=r"'n_shards' parameter of ShardedIndex must be an int"):
        ShardedIndex(n_shards=0).fit(X)
    with pytest.raises(ValueError, match=r"'metric' parameter of KNNOutlierDetector must be 'eucl"):
        KNNOutlierDetector(algorithm=ShardedIndex(), metric="cosine").fit(X)
    with pytest.raises(ValueError, match=r"'k' parameter of ShardedIndex.query must be an int"):
        ShardedIndex().fit(X).query(X, 61)
    with pytest.raises(ValueError, match=r"X must be a Dask array of 2 dimensions"):
        ShardedIndex().fit(da.ones(5))


@pytest.mark.parametrize("make", [*list(FITS.values())[:1], *list(FITS.values())[2:]])
def test_a_single_row(make):
    for single_row in (in_parts(X[:1]), in_partitions(frame(X[:1]))):
        with pytest.raises(ValueError, match=r"1 sample\(s\).* minimum of 2 is required by"):
            DaskOutlierDetector(make()).fit(single_row)


def test_what_is_no_detector():
    for value in (KNNOutlierDetector, PartialWhitener(), None):
        with pytest.raises(ValueError, match=r"'detector' parameter of DaskOutlierDetector must"):
            DaskOutlierDetector(value).fit(X)
    with pytest.raises(NotFittedError):
        DaskOutlierDetector(KNNOutlierDetector()).score_samples(in_parts(X))


def test_shards_inside_of_other_estimators_are_not_searched_by_tasks():
    layers = LayerEnsemble(KNNOutlierDetector(algorithm=ShardedIndex(n_shards=2)), groups=[2, 2])
    lazy = DaskOutlierDetector(layers.fit(X))
    cluster = LocalCluster(n_workers=1, processes=False, dashboard_address=":0")
    with (
        dask.config.set(scheduler=None),
        cluster,
        Client(cluster),
        pytest.raises(RuntimeError, match="A ShardedIndex can't be searched from a task"),
    ):
        lazy.score_samples(in_parts(X)).compute()


@pytest.mark.parametrize("wrap", [lambda d: d, make_outlier_pipeline, ConformalOutlierDetector])
def test_rows_labelled_minus_one_without_the_detector_of_dask(wrap):
    frame = dd.from_pandas(pd.DataFrame(X, columns=NAMES), npartitions=3)
    detector = wrap(KNNOutlierDetector(algorithm=ShardedIndex(n_shards=2)))
    with pytest.raises(ValueError, match=r"^X is a frame of Dask: fit skood.parallel.DaskOutlier"):
        detector.fit(frame, np.resize([1, 1, -1], 60))
