"""A real cluster of two worker processes."""

from __future__ import annotations

import numpy as np
import pytest

from skood import KNNOutlierDetector
from skood._optional import is_installed

if not is_installed("distributed"):
    pytest.skip("distributed (extra 'dask') is not installed", allow_module_level=True)

import dask.array as da

from skood.parallel import DaskOutlierDetector, ShardedIndex

from .dask_cluster import opened
from .detectors import rows


@pytest.fixture(scope="module")
def client():
    with opened() as client:
        yield client


def test_scores_of_chunks_on_workers(client):
    X, Q = rows(200), rows(90, seed=1)
    fitted = KNNOutlierDetector().fit(X)
    found = DaskOutlierDetector(fitted).score_samples(da.from_array(Q, chunks=(20, -1)))
    np.testing.assert_allclose(found.compute(), fitted.score_samples(Q), rtol=1e-6)


def test_shards_on_workers(client):
    X, Q = rows(200), rows(90, seed=1)
    one = KNNOutlierDetector().fit(X)
    index = ShardedIndex(n_shards=4)
    fitted = KNNOutlierDetector(algorithm=index).fit(da.from_array(X, chunks=(60, -1)))
    np.testing.assert_allclose(fitted.training_scores_, one.training_scores_, rtol=1e-6)
    np.testing.assert_allclose(fitted.score_samples(Q), one.score_samples(Q), rtol=1e-6)
