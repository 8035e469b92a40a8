"""The exact search with torch: the same answer as NumPy's, on any device."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from skood import KNNOutlierDetector, LCPOutlierDetector
from skood.neighbors import ExactIndex
from skood.neighbors import _exact_search as engine
from skood.neighbors import _torch_closeness as on_device
from skood.neighbors._exact_search import ExactSearch

from .detectors import rows

torch = pytest.importorskip("torch", reason="torch is not installed")

HAS_CUDA = torch.cuda.is_available()
cuda = pytest.mark.skipif(not HAS_CUDA, reason="torch sees no CUDA device")


class TorchOnCpu(ExactSearch):
    """`device="cpu"` is NumPy's; this is torch's path on the same processor."""

    def __init__(self, X, norms=None):
        super().__init__(X, norms)
        self.reference = on_device.TorchReference(self.reference.rows, "cpu")


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["plain", "offset", "lattice", "huge", "tiny", "far"])
@pytest.mark.parametrize("block", [1 << 28, 1 << 15], ids=["one block", "many blocks"])
def test_equals_numpy(kind, dtype, block, monkeypatch):
    monkeypatch.setattr(on_device, "_BLOCK_BYTES", block)
    X, Q = _data(kind, dtype)
    indices, distances = TorchOnCpu(X).search(Q, 15)
    expected = ExactSearch(X).search(Q, 15)
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_array_equal(distances, expected[1])


def test_more_ties_than_fit_in_memory_at_a_time(monkeypatch):
    monkeypatch.setattr(engine, "_MAX_PAIRS", 3000)
    monkeypatch.setattr(on_device, "_BLOCK_BYTES", 1 << 16)
    rng = np.random.default_rng(0)
    X, Q = (rng.integers(0, 2, size=(n, 3)).astype(np.float32) for n in (4000, 40))
    np.testing.assert_array_equal(TorchOnCpu(X).search(Q, 9)[0], ExactSearch(X).search(Q, 9)[0])


def test_cosine_and_rows_left_out():
    X, Q = rows(900, 7), rows(30, 7, seed=1)
    lengths = np.linalg.norm(X, axis=1), np.linalg.norm(Q, axis=1)
    exclude = np.arange(30)
    options = {"q_norms": lengths[1], "exclude": exclude}
    np.testing.assert_array_equal(
        TorchOnCpu(X, lengths[0]).search(Q, 5, **options)[0],
        ExactSearch(X, lengths[0]).search(Q, 5, **options)[0],
    )


def test_precision_is_full_in_the_search_and_the_users_after_it():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        X, Q = _data("plain", np.float32)
        np.testing.assert_array_equal(TorchOnCpu(X).search(Q, 9)[0], ExactSearch(X).search(Q, 9)[0])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_pickle_rebuilds_what_lies_on_the_device():
    X, Q = _data("plain", np.float32)
    search = TorchOnCpu(X)
    data = pickle.dumps(search)
    assert len(data) < 1.5 * X.nbytes
    np.testing.assert_array_equal(pickle.loads(data).search(Q, 9)[0], search.search(Q, 9)[0])  # noqa: S301


@pytest.mark.skipif(HAS_CUDA, reason="there is a CUDA device")
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


@cuda
@pytest.mark.gpu
@pytest.mark.parametrize("make", [KNNOutlierDetector, LCPOutlierDetector])
def test_cuda_gives_the_scores_of_the_cpu(make):
    X, Q = rows(5000, 20, dtype=np.float32), rows(500, 20, seed=1, dtype=np.float32)
    expected = make().fit(X).score_samples(Q)
    detector = make(algorithm=ExactIndex(device="cuda")).fit(X)
    np.testing.assert_allclose(detector.score_samples(Q), expected, rtol=1e-12)
