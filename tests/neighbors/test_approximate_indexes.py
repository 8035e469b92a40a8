"""Approximate indexes: true distances, tuned recall, and use in detectors.

faiss is real here, and so is pynndescent, at the end: one test, since it compiles for minutes.
"""

from __future__ import annotations

import copy
import pickle
import re
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, PredefinedSplit

import skood
from skood import KNNOutlierDetector, LCPOutlierDetector, LOFOutlierDetector
from skood._optional import install_command, is_installed
from skood.metrics import auroc
from skood.neighbors import ExactIndex, FaissIndex, PyNNDescentIndex, faiss_index
from skood.neighbors._recall import RecallSample, least_effort

from ..detectors import rows
from ..processes import another_process

needs_faiss = pytest.mark.skipif(not is_installed("faiss"), reason="faiss is not installed")
each_kind = pytest.mark.parametrize("kind", ["ivf", "hnsw", "flat"])


def faiss_of(kind="ivf", **params):
    """An index that faiss answers for, however few the rows are."""
    return FaissIndex(kind, **{"exact_below": 0, "random_state": 0, **params})


def recall(found, expected):
    return (found.distances <= expected.distances[:, -1:]).mean()


def assert_true_and_ascending(index, X, Q, found):
    """Distances are those of the rows named, nearest first, no row twice."""
    assert (np.diff(found.distances, axis=1) >= 0).all()
    assert all(len(set(row)) == found.indices.shape[1] for row in found.indices)
    X, Q = X.astype(float), Q.astype(float)
    if index.metric == "cosine":
        X, Q = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, Q))
    unit = np.abs(X).max()
    difference = (X[found.indices] - Q[:, np.newaxis]) / unit
    true = unit * np.sqrt((difference**2).sum(axis=2))
    if index.metric == "cosine":
        true = true**2 / 2
    np.testing.assert_allclose(found.distances, true, rtol=1e-9)


@needs_faiss
@each_kind
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_true_distances_at_the_recall_reported(kind, metric, dtype):
    X, Q = rows(3000, 6, dtype=dtype), rows(300, 6, seed=1, dtype=dtype)
    index = faiss_of(kind, metric=metric).fit(X)
    found, expected = (i.query(Q, 15) for i in (index, ExactIndex(metric=metric).fit(X)))
    assert_true_and_ascending(index, X, Q, found)
    assert index.recall_ >= 0.95
    # a sample's error, and the links that a training row has in a graph and a new row has not
    assert recall(found, expected) >= 0.93
    assert index.kind_ == kind
    if kind == "flat":
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)


@needs_faiss
@each_kind
@pytest.mark.parametrize("change", ["offset", "huge", "tiny", "outlier"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neither_offset_nor_unit_costs_recall(kind, change, dtype):
    X, Q = rows(3000, 6), rows(200, 6, seed=1)
    if change == "offset":
        X, Q = X + 1e5, Q + 1e5
    elif change == "outlier":
        X[0] *= 1e5
    else:
        power = {"huge": 1, "tiny": -1}[change] * (30 if dtype is np.float32 else 150)
        X, Q = X * 10.0**power, Q * 10.0**power
    X, Q = X.astype(dtype), Q.astype(dtype)
    index = faiss_of(kind).fit(X)
    found = index.query(Q, 10)
    assert_true_and_ascending(index, X, Q, found)
    assert recall(found, ExactIndex().fit(X).query(Q, 10)) >= 0.93


@needs_faiss
@each_kind
def test_far_queries_are_answered(kind):
    X = rows(1000, 4)
    Q = rows(9, 4, seed=1) * np.logspace(0, 300, 9)[:, np.newaxis]
    found, expected = (i.query(Q, 5) for i in (faiss_of(kind).fit(X), ExactIndex().fit(X)))
    np.testing.assert_allclose(found.distances[1:], expected.distances[1:], rtol=1e-6)


@needs_faiss
@each_kind
def test_a_row_alone_and_any_number_of_threads_and_repeats_give_the_same(kind):
    X, Q = rows(3000, 6, dtype=np.float32), rows(300, 6, seed=1, dtype=np.float32)
    index = faiss_of(kind).fit(X)
    expected = index.query(Q, 7)
    alone = np.vstack([index.query(q[np.newaxis], 7).indices for q in Q[:70]])
    np.testing.assert_array_equal(alone, expected.indices[:70])
    for other in (faiss_of(kind, n_jobs=1), faiss_of(kind, n_jobs=3), faiss_of(kind)):
        found = other.fit(X).query(Q, 7)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)
        assert other.recall_ == index.recall_


@needs_faiss
@each_kind
def test_training_rows_are_left_out_by_position(kind):
    X = rows(800, 4)
    X[100:140] = X[7]
    found = faiss_of(kind).fit(X).query_training(6)
    assert not (found.indices == np.arange(800)[:, np.newaxis]).any()
    assert found.indices.shape == (800, 6)
    twins = np.r_[7, 100:140]
    assert (found.distances[twins] == 0).all()
    assert (np.diff(found.indices[twins], axis=1) > 0).all()  # ties in the order of training


@needs_faiss
def test_flat_has_ties_as_the_exact_index_has_them():
    rng = np.random.default_rng(0)
    X, Q = (rng.integers(0, 3, size=(n, 3)).astype(np.float32) for n in (900, 50))
    found, expected = (i.fit(X).query(Q, 8) for i in (faiss_of("flat"), ExactIndex()))
    np.testing.assert_array_equal(found.indices, expected.indices)


@needs_faiss
def test_flat_is_exact_where_float32_is_not():
    # two clusters far apart: a product in float32 can't tell the rows of one of them
    X = rows(600, 5)
    X[::2] += 1e5
    found, expected = (i.fit(X).query(X[:80] + 0.1, 8) for i in (faiss_of("flat"), ExactIndex()))
    np.testing.assert_array_equal(found.indices, expected.indices)


@needs_faiss
def test_queries_that_find_too_few_rows_in_their_cells_are_searched_exactly():
    X, Q = rows(2000, 4), rows(60, 4, seed=1)
    index = faiss_of(n_cells=200).fit(X)
    index.nprobe_ = 1  # about ten rows
    found = index.query(Q, 15)
    assert (found.indices >= 0).all()
    assert_true_and_ascending(index, X, Q, found)
    expected = ExactIndex().fit(X).query(Q, 200)
    np.testing.assert_array_equal(index.query(Q, 200).indices, expected.indices)


@needs_faiss
@each_kind
@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_few_rows(kind, n, capfd):
    X = rows(n + 1, 3)[:n]
    index = faiss_of(kind).fit(X)
    expected = ExactIndex().fit(X).query(rows(5, 3, seed=1), n)
    np.testing.assert_array_equal(index.query(rows(5, 3, seed=1), n).indices, expected.indices)
    assert index.recall_ == 1.0
    assert FaissIndex(kind).fit(X).kind_ == "exact"
    assert capfd.readouterr().err == ""  # faiss would write that it wants more rows for its cells


@needs_faiss
def test_all_rows_equal():
    X = np.ones((500, 3))
    for kind in ("ivf", "hnsw", "flat"):
        found = faiss_of(kind).fit(X).query_training(5)
        assert (found.distances == 0).all()


@needs_faiss
def test_effort_follows_the_target():
    X = rows(4000, 10)
    nprobe = [faiss_of(target_recall=t).fit(X).nprobe_ for t in (0.5, 0.9, 1.0)]
    assert nprobe[0] < nprobe[1] < nprobe[2]
    ef = [faiss_of("hnsw", target_recall=t).fit(X).ef_search_ for t in (0.5, 1.0)]
    assert ef[0] < ef[1]
    for kind, unused in [("ivf", "ef_search_"), ("hnsw", "nprobe_")]:
        assert getattr(faiss_of(kind).fit(X), unused) is None


@needs_faiss
def test_cells_hold_floats_where_bytes_lose_neighbours():
    X = rows(2000, 4)
    assert faiss_of().fit(X).compressed_
    assert not faiss_of(compress=False).fit(X).compressed_
    # neighbours a millionth of a cell apart
    clusters = np.repeat(rows(20, 4), 100, axis=0) + 1e-6 * rows(2000, 4, seed=1)
    index = faiss_of(n_cells=10).fit(clusters)
    assert not index.compressed_
    assert index.recall_ >= 0.95


@needs_faiss
def test_a_recall_that_is_not_reached_is_told(monkeypatch):
    monkeypatch.setattr(faiss_index, "_LARGEST_EF", 16)
    X = np.random.default_rng(0).normal(size=(3000, 40))
    index = faiss_of("hnsw", n_links=3)
    message = r"FaissIndex finds 0\.\d+ of the 15 .* with its largest effort, less than"
    with pytest.warns(UserWarning, match=message):
        index.fit(X)
    assert index.recall_ < 0.95
    assert index.ef_search_ == 16


@needs_faiss
def test_openmp_threads_are_left_as_they_were():
    import faiss

    before = faiss.omp_get_max_threads()
    for kind in ("ivf", "hnsw"):
        faiss_of(kind, n_jobs=before + 1).fit(rows(600, 4)).query(rows(40, 4), 3)
    assert faiss.omp_get_max_threads() == before


def _query(task):
    index, Q = task
    return index.query(Q, 5)


@needs_faiss
def test_pickle_copy_clone_and_process_pool():
    X, Q = rows(2000, 40), rows(40, 40, seed=1)
    indexes = [faiss_of(kind).fit(X) for kind in ("ivf", "hnsw", "flat")]
    indexes.append(FaissIndex().fit(X))
    answers = list(another_process().map(_query, [(index, Q) for index in indexes]))
    for index, answer in zip(indexes, answers, strict=True):
        expected = index.query(Q, 5)
        loaded = pickle.loads(pickle.dumps(index))  # noqa: S301
        found = [answer, loaded.query(Q, 5), copy.deepcopy(index).query(Q, 5)]
        for other in found:
            np.testing.assert_array_equal(other.indices, expected.indices)
            np.testing.assert_array_equal(other.distances, expected.distances)
        assert not hasattr(clone(index), "recall_")
    assert len(pickle.dumps(indexes[0])) < 2 * X.nbytes


@needs_faiss
def test_refit_forgets():
    index = faiss_of().fit(rows(2000, 5))
    index.set_params(kind="hnsw").fit(rows(600, 3))
    assert (index.kind_, index.nprobe_, index.n_cells_) == ("hnsw", None, None)
    index.set_params(exact_below=1000).fit(rows(600, 3))
    assert (index.kind_, index.ef_search_) == ("exact", None)
    assert set(vars(index)) - set(vars(FaissIndex().fit(rows(600, 3)))) <= {"_points"}


@needs_faiss
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("kind", "pq", "one of 'ivf', 'hnsw', 'flat'"),
        ("metric", "l1", "one of 'euclidean', 'cosine'"),
        ("target_recall", 0.0, r"a float in \(0, 1\]"),
        ("recall_at", 0, r"an int in \[1, inf\)"),
        ("exact_below", -1, r"an int in \[0, inf\)"),
        ("n_cells", 0, r"an int in \[1, inf\) or None"),
        ("n_links", 1, r"an int in \[2, inf\)"),
        ("n_jobs", 0, r"an int in \[1, 10000\] or None"),
    ],
)
def test_bad_parameters(name, value, allowed):
    with pytest.raises(
        ValueError, match=f"'{name}' parameter of FaissIndex must be {allowed}. Got"
    ):
        FaissIndex(**{name: value}).fit(rows())


@pytest.mark.parametrize(
    ("make", "module"), [(FaissIndex, "faiss"), (PyNNDescentIndex, "pynndescent")]
)
def test_a_missing_library_is_named_with_its_extra(make, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    message = f"{make.__name__} needs the module '{module}', which is not installed: run "
    with pytest.raises(ImportError, match=re.escape(message + install_command("ann"))):
        make().fit(rows())


def test_least_effort():
    for needed in range(1, 200):
        tried = []
        found = least_effort(3, 150, lambda e, n=needed, t=tried: t.append(e) or e >= n)
        if needed <= 150:
            assert max(needed, 3) <= found <= max(3, needed + needed // 8)
        else:
            assert found == 150
        assert len(tried) < 14


def test_recall_sample_tunes_and_measures_on_different_rows():
    def distances(rows_, k):
        return np.tile(np.arange(1.0, k + 1), (len(rows_), 1))

    sample = RecallSample(1000, 4, distances, np.random.RandomState(0))
    assert set(sample.tuning).isdisjoint(sample.testing)
    assert sample.recall(distances) == 1.0
    assert sample.reaches(1.0, distances)

    def half_of_the_rows_miss_one(rows_, k):
        return distances(rows_, k) + 1.0 * (np.arange(len(rows_)) % 2)[:, np.newaxis]

    assert sample.recall(half_of_the_rows_miss_one) == 0.875
    assert not sample.reaches(0.875, half_of_the_rows_miss_one)  # it may be luck
    assert sample.reaches(0.85, half_of_the_rows_miss_one)


# in the detectors


@needs_faiss
@pytest.mark.parametrize("make", [KNNOutlierDetector, LCPOutlierDetector, LOFOutlierDetector])
def test_approximate_is_faiss_with_the_detectors_parameters(make):
    X = rows(300, 12)
    detector = make(8, algorithm="approximate", metric="cosine", random_state=3, n_jobs=1).fit(X)
    index = detector.index_
    assert isinstance(index, FaissIndex)
    assert (index.metric, index.recall_at, index.random_state, index.n_jobs) == ("cosine", 8, 3, 1)
    np.testing.assert_array_equal(
        detector.score_samples(X), make(8, metric="cosine").fit(X).score_samples(X)
    )


def test_approximate_takes_what_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setitem(sys.modules, "pynndescent", sys)  # present; few rows don't call it
    detector = KNNOutlierDetector(algorithm="approximate")
    assert isinstance(detector.fit(rows()).index_, PyNNDescentIndex)
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    message = r"algorithm='approximate' of KNN.* 'faiss' or 'pynndescent'.* \(the extra 'ann'\)"
    with pytest.raises(ImportError, match=message):
        detector.fit(rows())


@needs_faiss
def test_a_fitted_index_is_shared():
    X = rows(1500, 10)
    index = faiss_of().fit(X)
    detectors = [KNNOutlierDetector(algorithm=index), LCPOutlierDetector(algorithm=index)]
    assert all(detector.fit(X).index_ is index for detector in detectors)
    assert clone(detectors[0]).fit(X).index_ is not index


def _auroc_scorer(estimator, X, y):
    return auroc(y, estimator.score_samples(X))


@needs_faiss
def test_indexes_and_their_parameters_in_a_grid_search():
    inner, outer = rows(1500, 10), np.random.default_rng(0).normal(size=(200, 10)) * 1.5
    X, y = np.vstack([inner, outer]), np.r_[np.ones(1500), -np.ones(200)].astype(int)
    cv = PredefinedSplit(np.r_[np.full(1200, -1), np.zeros(500)])

    def search(detector, grid):
        found = GridSearchCV(detector, grid, scoring=_auroc_scorer, cv=cv, refit=False).fit(X, y)
        for parameters, score in zip(
            found.cv_results_["params"], found.cv_results_["mean_test_score"], strict=True
        ):
            by_hand = clone(detector).set_params(**clone(parameters, safe=False))
            assert score == _auroc_scorer(by_hand.fit(X[:1200]), X[1200:], y[1200:])
        return found.cv_results_["mean_test_score"]

    low = faiss_of(target_recall=0.2, recall_at=10, n_cells=300)
    exact, flat, rough = search(
        KNNOutlierDetector(), {"algorithm": [ExactIndex(), faiss_of("flat"), low]}
    )
    assert exact == flat != rough
    nested = search(KNNOutlierDetector(algorithm=low), {"algorithm__target_recall": [0.2, 1.0]})
    assert rough == nested[0] != nested[1]


@needs_faiss
@pytest.mark.shared_data
@pytest.mark.parametrize("folder", ["CV_by_ResNet18", "NLP_by_BERT"])
def test_auroc_on_embeddings_as_with_exact_neighbours(shared_data, folder):
    files = sorted((shared_data / "adbench" / folder).glob("*.npz"))
    assert files
    for path in files:
        with np.load(path) as file:
            X, y = file["X"], file["y"]
        normal = np.random.default_rng(0).permutation(np.flatnonzero(y == 0))
        n_train = int(0.7 * len(normal))
        test = np.r_[normal[n_train:], np.flatnonzero(y == 1)]
        labels = np.where(y[test] == 1, -1, 1)
        index = faiss_of().fit(X[normal[:n_train]])
        for make in (KNNOutlierDetector, LCPOutlierDetector):
            exact, approximate = (
                auroc(labels, make(algorithm=a).fit(X[normal[:n_train]]).score_samples(X[test]))
                for a in ("exact", index)
            )
            assert abs(exact - approximate) < 0.005, path.name


@pytest.mark.skipif(not is_installed("pynndescent"), reason="pynndescent is not installed")
def test_pynndescent(capfd, tmp_path):
    X, Q = rows(6000, 6, dtype=np.float32), rows(150, 6, seed=1, dtype=np.float32)
    X[100:140] = X[7]
    index = PyNNDescentIndex(random_state=0).fit(X)
    assert capfd.readouterr().err.count("pynndescent compiles for minutes") == 1
    assert index.recall_ >= 0.95
    found, expected = (i.query(Q, 10) for i in (index, ExactIndex().fit(X)))
    assert_true_and_ascending(index, X, Q, found)
    assert recall(found, expected) >= 0.93
    alone = np.vstack([index.query(q[np.newaxis], 10).indices for q in Q])
    np.testing.assert_array_equal(alone, found.indices)
    left_out = index.query_training(6, np.arange(200))
    assert not (left_out.indices == np.arange(200)[:, np.newaxis]).any()
    for other in (pickle.loads(pickle.dumps(index)), copy.deepcopy(index), clone(index).fit(X)):  # noqa: S301
        np.testing.assert_array_equal(other.query(Q, 10).distances, found.distances)
    detector = KNNOutlierDetector(algorithm=index).fit(X)
    assert detector.index_ is index
    if is_installed("skops"):
        with pytest.warns(UserWarning, match="PyNNDescentIndex stores its rows and seed"):
            skood.save(index, tmp_path / "index.skood")
        built_again = skood.load(tmp_path / "index.skood")
        np.testing.assert_array_equal(built_again.query(Q, 10).distances, found.distances)
    cosine = PyNNDescentIndex(metric="cosine", random_state=0).fit(X * np.float32(2.0**100))
    assert capfd.readouterr().err == ""  # it is told once
    assert cosine.recall_ >= 0.95
    assert_true_and_ascending(cosine, X, Q, cosine.query(Q, 5))
