"""Rows of the host's memory that torch searches on a device, and devices that it can't."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    load,
    make_outlier_detector,
    save,
)
from skood._optional import is_installed
from skood.model_selection import LeaveClassesOut, ood_scorer
from skood.neighbors import ExactIndex
from skood.neighbors import _tensor_search as engine
from skood.neighbors._exact_search import ExactSearch
from skood.neighbors._tensor_search import TensorSearch
from skood.preprocessing import PartialWhitener

from ..detectors import each_device, rows

torch = pytest.importorskip("torch", reason="torch is not installed")


def _data(kind, dtype):
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(3000, 12)), rng.normal(size=(90, 12))
    if kind == "offset":
        X, Q = X + 1e4, Q + 1e4
    elif kind == "lattice":
        X, Q = np.round(X), np.round(Q)
    elif kind in ("huge", "tiny"):
        unit = 10.0 ** ((150 if dtype is np.float64 else 30) * (1 if kind == "huge" else -1))
        X, Q = X * unit, Q * unit
    elif kind == "far":
        Q[::2] *= 1e30
    return X.astype(dtype), Q.astype(dtype)


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["plain", "offset", "lattice", "huge", "tiny", "far"])
@pytest.mark.parametrize("values", [1 << 25, 1 << 13], ids=["one block", "many blocks"])
def test_equals_numpy(kind, dtype, values, device, monkeypatch):
    monkeypatch.setattr(engine, "_ROW_VALUES", values)
    X, Q = _data(kind, dtype)
    indices, distances = TensorSearch(X, None, device=device, half=False).search(Q, 15)
    expected = ExactSearch(X).search(Q, 15)
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_allclose(distances, expected[1], rtol=1e-12)


@each_device
def test_more_ties_than_fit_in_memory_at_a_time(device, monkeypatch):
    monkeypatch.setattr(engine, "_MAX_PAIRS", 3000)
    monkeypatch.setattr(engine, "_ROW_VALUES", 1 << 10)
    rng = np.random.default_rng(0)
    X, Q = (rng.integers(0, 2, size=(n, 3)).astype(np.float32) for n in (4000, 40))
    indices, _ = TensorSearch(X, None, device=device, half=False).search(Q, 9)
    np.testing.assert_array_equal(indices, ExactSearch(X).search(Q, 9)[0])


@each_device
def test_cosine_and_rows_left_out(device):
    X, Q = rows(900, 7), rows(30, 7, seed=1)
    lengths = np.linalg.norm(X, axis=1), np.linalg.norm(Q, axis=1)
    options = {"q_norms": lengths[1], "exclude": np.arange(30)}
    np.testing.assert_array_equal(
        TensorSearch(X, lengths[0], device=device, half=False).search(Q, 5, **options)[0],
        ExactSearch(X, lengths[0]).search(Q, 5, **options)[0],
    )


@each_device
def test_pickle_rebuilds_what_lies_on_the_device(device):
    X, Q = _data("plain", np.float32)
    search = TensorSearch(X, None, device=device, half=False)
    data = pickle.dumps(search)
    assert len(data) < 1.5 * X.nbytes
    np.testing.assert_array_equal(pickle.loads(data).search(Q, 9)[0], search.search(Q, 9)[0])  # noqa: S301


class TestMps:
    """Apple's GPUs have no float64: rows are searched on the host, and a warning says so."""

    def test_by_name(self):
        X, Q = rows(300, 6), rows(40, 6, seed=1)
        with pytest.warns(UserWarning, match=r"on the host: the device 'mps' has no float64"):
            detector = KNNOutlierDetector(algorithm=ExactIndex(device="mps")).fit(X)
        expected = KNNOutlierDetector(algorithm=ExactIndex()).fit(X)
        np.testing.assert_array_equal(detector.score_samples(Q), expected.score_samples(Q))
        assert isinstance(detector.index_.training_rows_, np.ndarray)

    def test_half_precision_is_refused(self):
        index = ExactIndex(device="mps", precision="half")
        with (
            pytest.warns(UserWarning, match="on the host"),
            pytest.raises(
                ValueError, match=r"'auto' or 'full', because NumPy searches. Got 'half'"
            ),
        ):
            index.fit(rows())

    @pytest.mark.skipif(not torch.backends.mps.is_available(), reason="torch sees no Apple GPU")
    def test_tensors(self):
        X, Q = rows(300, 6, dtype=np.float32), rows(40, 6, seed=1, dtype=np.float32)
        with pytest.warns(UserWarning, match=r"on the host: the device 'mps:0' has no float64"):
            index = ExactIndex().fit(torch.from_numpy(X).to("mps"))
        expected = ExactIndex().fit(X).query(Q, 5)
        answer = index.query(torch.from_numpy(Q).to("mps"), 5)
        np.testing.assert_array_equal(answer.indices, expected.indices)
        np.testing.assert_array_equal(answer.distances, expected.distances)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there():
    with pytest.raises(
        ValueError, match=r"'device' parameter .* torch has here. Got 'cuda' instead"
    ):
        ExactIndex(device="cuda").fit(rows())


@pytest.mark.parametrize("device", ["gpu", 0, None])
def test_bad_device(device):
    with pytest.raises(
        ValueError, match="'device' parameter of ExactIndex must be 'cpu' or a device"
    ):
        ExactIndex(device=device).fit(rows())


ON_CUDA = [
    KNNOutlierDetector(),
    LCPOutlierDetector(),
    LCPOutlierDetector(locality=0.5, metric="cosine"),
    LOFOutlierDetector(),
    make_outlier_detector("embedding"),
    ConformalOutlierDetector(KNNOutlierDetector(), random_state=0),
]


@pytest.mark.gpu
class TestArraysOnCuda:
    """Rows of NumPy, searched on a GPU by naming it."""

    @pytest.mark.parametrize("detector", ON_CUDA, ids=lambda d: type(d).__name__)
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_scores_are_those_of_the_cpu(self, detector, dtype):
        X, Q = rows(5000, 20, dtype=dtype), rows(500, 20, seed=1, dtype=dtype)
        Q[:9] = X[:9]
        expected = clone(detector).fit(X)
        found = _on("cuda", detector).fit(X)
        score = "p_values" if isinstance(detector, ConformalOutlierDetector) else "score_samples"
        np.testing.assert_allclose(getattr(found, score)(Q), getattr(expected, score)(Q), rtol=1e-9)
        np.testing.assert_array_equal(found.predict(Q), expected.predict(Q))

    def test_all_neighbours_far_from_the_origin(self):
        X, Q = (rows(n, 64, seed=n, dtype=np.float32) + np.float32(1e4) for n in (20_000, 300))
        index = ExactIndex(device="cuda").fit(X)
        every = np.linalg.norm(Q[:, np.newaxis].astype(np.float64)[:30] - X, axis=2)
        expected = np.argsort(every, axis=1, kind="stable")[:, :15]
        np.testing.assert_array_equal(index.query(Q, 15).indices[:30], expected)

    def test_one_row_gets_the_answer_that_it_gets_among_others(self):
        X, Q = rows(5000, 20, dtype=np.float32), rows(200, 20, seed=1, dtype=np.float32)
        detector = LCPOutlierDetector(algorithm=ExactIndex(device="cuda")).fit(X)
        alone = [float(detector.score_samples(row[np.newaxis])[0]) for row in Q[:20]]
        np.testing.assert_array_equal(detector.score_samples(Q)[:20], alone)

    # The memory that CUDA takes makes joblib replace its workers, with a warning in a thread.
    @pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
    def test_search_over_devices_in_a_pipeline(self):
        X, y = rows(600, 6, dtype=np.float32), np.arange(600) % 3
        X += 3 * y[:, np.newaxis]
        pipeline = make_pipeline(PartialWhitener(), LCPOutlierDetector())
        grid = {"lcpoutlierdetector__algorithm": [ExactIndex(), ExactIndex(device="cuda")]}
        search = GridSearchCV(
            pipeline,
            grid,
            cv=LeaveClassesOut(random_state=0),
            scoring=ood_scorer("auroc"),
            n_jobs=2,
        ).fit(X, y)
        assert np.ptp(search.cv_results_["mean_test_score"]) < 1e-9

    @pytest.mark.skipif(not is_installed("skops"), reason="skops is not installed")
    def test_saved_and_loaded(self, tmp_path):
        X, Q = rows(500, 6, dtype=np.float32), rows(50, 6, seed=1, dtype=np.float32)
        detector = KNNOutlierDetector(algorithm=ExactIndex(device="cuda")).fit(X)
        save(detector, tmp_path / "detector.skood")
        again = load(tmp_path / "detector.skood")
        np.testing.assert_array_equal(again.score_samples(Q), detector.score_samples(Q))


def _on(device, detector):
    names = [name for name in detector.get_params() if name.endswith("algorithm")]
    assert len(names) == 1
    metric = detector.get_params()[names[0].removesuffix("algorithm") + "metric"]
    return clone(detector).set_params(**{names[0]: ExactIndex(metric=metric, device=device)})
