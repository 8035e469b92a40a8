"""A detector of one's own: `_score` is the one method to write."""

from __future__ import annotations

import numpy as np
import pytest

from skood import KNNOutlierDetector, explain
from skood.detectors import NeighborOutlierDetector
from skood.measures import knn_distance
from skood.neighbors import KDTreeIndex

from ..detectors import rows


class OwnKNN(NeighborOutlierDetector):
    """What `KNNOutlierDetector` scores, by nothing but `_score`."""

    def _score(self, X, neighbors):  # noqa: ARG002
        return -knn_distance(neighbors.distances), 0


@pytest.mark.parametrize("algorithm", ["auto", "exact", KDTreeIndex()])
def test_scores_and_threshold_are_those_of_the_measure(algorithm):
    X, Q = rows(), np.vstack([rows(9, seed=1), rows()[:3]])  # some are training rows
    own = OwnKNN(7, algorithm=algorithm).fit(X)
    expected = KNNOutlierDetector(7, algorithm=algorithm).fit(X)
    np.testing.assert_array_equal(own.score_samples(Q), expected.score_samples(Q))
    np.testing.assert_array_equal(own.training_scores_, expected.training_scores_)
    assert own.offset_ == expected.offset_


def test_rows_are_appended():
    X, Q = rows(), rows(9, seed=1)
    own = OwnKNN(7).partial_fit(X[:30]).partial_fit(X[30:])
    np.testing.assert_array_equal(own.score_samples(Q), OwnKNN(7).fit(X).score_samples(Q))
    np.testing.assert_array_equal(own.training_scores_, OwnKNN(7).fit(X).training_scores_)


def test_rows_in_shards():
    da = pytest.importorskip("dask.array", reason="dask is not installed")
    from skood.parallel import ShardedIndex

    X, Q = rows(), np.vstack([rows(9, seed=1), rows()[:3]])
    own = OwnKNN(7, algorithm=ShardedIndex(n_shards=3)).fit(da.from_array(X, chunks=(20, -1)))
    np.testing.assert_array_equal(own.score_samples(Q), OwnKNN(7).fit(X).score_samples(Q))


def test_without_shares_there_is_no_explanation():
    own = OwnKNN(7).fit(rows())
    assert not hasattr(own, "explain")
    with pytest.raises(AttributeError) as error:
        own.explain(rows())
    assert str(error.value.__cause__) == (
        "OwnKNN can't explain its scores: it has no method _share_factors."
    )
    with pytest.raises(ValueError, match=r"^The 'estimator' parameter of explain must be"):
        explain(own, rows())
    assert hasattr(KNNOutlierDetector(), "explain")


def test_the_measure_has_to_be_written():
    class Nothing(NeighborOutlierDetector):
        pass

    with pytest.raises(TypeError, match=r"abstract method .?_score"):
        Nothing()
