"""A row's score depends on that row and the fitted state, never on the rows beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from ..detectors import CALIBRATED, DETECTORS, PIPELINES, RAW_INPUTS, VARIANTS, rows

everything = pytest.mark.parametrize(
    "case", DETECTORS + VARIANTS + CALIBRATED + PIPELINES + RAW_INPUTS, ids=str
)

_X = {dtype: rows(300, 5, dtype=dtype) for dtype in (np.float32, np.float64)}
_FITTED: dict = {}


def fitted(case, dtype):
    key = case.name, dtype
    if key not in _FITTED:
        _FITTED[key] = case.make().fit(_X[dtype])
    return _FITTED[key]


@everything
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_order_chunks_and_company_change_nothing(case, dtype, data):
    detector = fitted(case, dtype)
    seed = data.draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    # on a lattice rows tie at equal distances; far rows and training rows are in the batch too
    Q = np.vstack(
        [
            rng.normal(size=(40, 5)) * 3,
            np.round(rng.normal(size=(20, 5))) + 0.5,
            rng.normal(size=(3, 5)) * 1e6,
            _X[dtype][rng.integers(0, 300, 10)],
        ]
    ).astype(dtype)
    whole = detector.score_samples(Q)
    order = rng.permutation(len(Q))
    np.testing.assert_allclose(detector.score_samples(Q[order]), whole[order], rtol=1e-6)
    cuts = np.sort(rng.choice(np.arange(1, len(Q)), size=3, replace=False))
    parts = [detector.score_samples(part) for part in np.split(Q, cuts)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6)
    row = int(rng.integers(len(Q)))
    np.testing.assert_allclose(detector.score_samples(Q[[row]]), whole[[row]], rtol=1e-6)


@everything
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lattice_ties_do_not_hang_on_the_batch(case, dtype):
    # integer rows: many neighbours at the same distance, and many equal rows
    rng = np.random.default_rng(1)
    X = rng.integers(1, 4, size=(400, 3)).astype(dtype)
    detector = case.make().fit(X)
    Q = rng.integers(1, 4, size=(60, 3)).astype(dtype)
    whole = detector.score_samples(Q)
    alone = np.concatenate([detector.score_samples(q[np.newaxis]) for q in Q])
    np.testing.assert_allclose(alone, whole, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("case", DETECTORS + VARIANTS + RAW_INPUTS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_training_rows_are_scored_with_themselves_left_out(case, dtype, offset):
    X = (rows(80, 5, dtype=np.float64) + offset).astype(dtype)
    X[10:14] = X[5]  # copies count as neighbours of each other
    detector = case.make().fit(X)
    np.testing.assert_allclose(
        detector.score_samples(X), detector.training_scores_, rtol=1e-9, atol=1e-12
    )
    for row in (0, 5, 11):
        # The fitted state may hold more than neighbours (locality, for example). So only measures
        # of neighbours alone can be compared with a fit without the row.
        if getattr(detector, "locality", 0.0) or not case.neighbors:
            continue
        without = clone(detector).set_params(n_neighbors=detector.n_neighbors_)
        without.fit(np.delete(X, row, axis=0))
        np.testing.assert_allclose(
            without.index_.query(X[[row]], without.n_neighbors_).distances,
            detector.index_.query_training(detector.n_neighbors_, [row]).distances,
            rtol=1e-12,
        )
