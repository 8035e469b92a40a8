"""Torch tensors are searched where they live: the same path on every device."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from skood import (
    FSSDScorer,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    save,
)
from skood._optional import is_installed
from skood.neighbors import ExactIndex
from skood.rows import TensorRows

from ..detectors import each_device, rows

torch = pytest.importorskip("torch", reason="torch is not installed")

from skood.neighbors import _tensor_groups as groups  # noqa: E402
from skood.neighbors import _tensor_search as engine  # noqa: E402

DETECTORS = [
    KNNOutlierDetector(algorithm="exact"),
    LCPOutlierDetector(algorithm="exact"),
    LCPOutlierDetector(algorithm="exact", locality=0.5, metric="cosine"),
    LOFOutlierDetector(algorithm="exact"),
    KernelDensityOutlierDetector(),
    MahalanobisOutlierDetector(),
    FSSDScorer(random_state=0),
]
KINDS = ["plain", "offset", "lattice", "huge", "tiny", "far", "further", "same"]


def _data(kind, dtype):
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(2500, 11)), rng.normal(size=(60, 11))
    if kind == "offset":
        X, Q = X + 1e4, Q + 1e4
    elif kind == "lattice":
        X, Q = np.round(X) + 20, np.round(Q) + 20
    elif kind in ("huge", "tiny"):
        unit = 10.0 ** ((150 if dtype is np.float64 else 30) * (1 if kind == "huge" else -1))
        X, Q = X * unit, Q * unit
    elif kind in ("far", "further"):
        Q[::9] *= 1e3 if kind == "far" else 1e30
    elif kind == "same":
        X[:] = X[0]
    return X.astype(dtype), np.concatenate([Q, X[:9]]).astype(dtype)


@each_device
@pytest.mark.parametrize("precision", ["full", "half"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("small", [False, True], ids=["one block", "many blocks"])
def test_neighbours_are_those_of_numpy(kind, dtype, precision, device, small, monkeypatch):
    if small:
        monkeypatch.setattr(engine, "_OTHER_BYTES", 1 << 15)
        monkeypatch.setattr(engine, "_CUDA_BYTES", 1 << 15)
        monkeypatch.setattr(engine, "_ROW_VALUES", 1 << 14)
        monkeypatch.setattr(engine, "_CUDA_QUERIES", 37)
        monkeypatch.setattr(engine, "_OTHER_QUERIES", 37)
        monkeypatch.setattr(groups, "_MAX_OPENED", 50)
        monkeypatch.setattr(engine, "_MAX_PAIRS", 3000)
    X, Q = _data(kind, dtype)
    numpy = ExactIndex().fit(X)
    index = ExactIndex(precision=precision).fit(torch.from_numpy(X).to(device))
    exclude = numpy.find_equal(Q)
    np.testing.assert_array_equal(index.find_equal(Q), exclude)
    expected = numpy.query(Q, 9, exclude=exclude)
    for queries in (torch.from_numpy(Q).to(device), Q):
        found = index.query(queries, 9, exclude=exclude)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-12)
    some = [3, 500, 2]
    found, expected = index.query_training(4, some), numpy.query_training(4, some)
    np.testing.assert_array_equal(found.indices, expected.indices)


@each_device
@pytest.mark.parametrize("precision", ["full", "half"])
def test_cosine(precision, device):
    X, Q = _data("plain", np.float32)
    expected = ExactIndex(metric="cosine").fit(X).query(Q, 9)
    index = ExactIndex(metric="cosine", precision=precision)
    found = index.fit(torch.from_numpy(X).to(device)).query(torch.from_numpy(Q).to(device), 9)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-7, atol=1e-14)
    zeros = torch.from_numpy(X).to(device).clone()
    zeros[4] = 0
    with pytest.raises(ValueError, match=r"needs rows that are not all zero.* position 4"):
        index.fit(zeros)


@each_device
@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: type(d).__name__)
def test_detectors_take_tensors(detector, device):
    X, Q = rows(700, 6, dtype=np.float32), rows(60, 6, seed=1, dtype=np.float32)
    Q[:9] = X[:9]
    options = {"threshold_samples": 100, "random_state": 0}
    expected = clone(detector).set_params(**options).fit(X)
    found = clone(detector).set_params(**options).fit(torch.from_numpy(X).to(device))
    np.testing.assert_allclose(
        found.score_samples(torch.from_numpy(Q).to(device)), expected.score_samples(Q), rtol=1e-6
    )
    np.testing.assert_allclose(found.offset_, expected.offset_, rtol=1e-6)
    if isinstance(detector, (KNNOutlierDetector, LCPOutlierDetector)):
        found.partial_fit(torch.from_numpy(Q).to(device))
        expected.partial_fit(Q)
        np.testing.assert_allclose(found.score_samples(Q), expected.score_samples(Q), rtol=1e-6)
        shares = found.explain(torch.from_numpy(Q).to(device)).shares
        np.testing.assert_allclose(shares, expected.explain(Q).shares, rtol=1e-6, atol=1e-12)


@each_device
def test_no_row_is_copied_to_the_host(device, monkeypatch):
    X, Q = _data("plain", np.float32)

    def refuse(self, *_):
        raise AssertionError("rows were read to the host")

    monkeypatch.setattr(TensorRows, "_read", refuse)
    monkeypatch.setattr(TensorRows, "_gather", refuse)
    monkeypatch.setattr(TensorRows, "__array__", refuse)
    tensor = torch.from_numpy(X).to(device)
    index = ExactIndex().fit(tensor)
    index.query(torch.from_numpy(Q).to(device), 9)
    index.find_equal(TensorRows(torch.from_numpy(Q).to(device)))
    assert index.training_rows_.tensor.data_ptr() == tensor.data_ptr()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", "bool"])
def test_other_types_of_tensors(dtype):
    X = (torch.from_numpy(rows(90)) * 3).to(getattr(torch, dtype))
    index = ExactIndex().fit(X)
    expected = "float32" if "float" in dtype else "float64"
    assert index.training_rows_.dtype == expected
    values = X.to(getattr(torch, expected)).numpy()
    found, numpy = index.query(X, 5), ExactIndex().fit(values).query(values, 5)
    np.testing.assert_allclose(found.distances, numpy.distances, rtol=1e-12)


def test_a_tensor_with_a_gradient_is_taken_without_it():
    X = torch.from_numpy(rows(90)).requires_grad_()
    assert ExactIndex().fit(X).query(X, 3).indices.shape == (90, 3)
    assert X.grad is None


@each_device
def test_half_precision_gives_way_where_it_leaves_too_many(device, monkeypatch):
    monkeypatch.setattr(engine, "_TOO_MANY", 2)
    X = rows(2000, 3)
    X[0] = 3e3  # so far out that the others look alike
    index = ExactIndex(precision="half").fit(torch.from_numpy(X).to(device))
    expected = ExactIndex().fit(X).query(X[:50], 5)
    for _ in range(2):
        np.testing.assert_array_equal(index.query(X[:50], 5).indices, expected.indices)
    assert not index._engine.half


@each_device
@pytest.mark.parametrize("precision", ["full", "half"])
def test_precision_is_full_in_the_search_and_the_users_after_it(precision, device):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        X, Q = _data("plain", np.float32)
        found = ExactIndex(precision=precision).fit(torch.from_numpy(X).to(device)).query(Q, 9)
        np.testing.assert_array_equal(found.indices, ExactIndex().fit(X).query(Q, 9).indices)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@each_device
def test_copies_search_alike(device):
    X, Q = _data("plain", np.float32)
    index = ExactIndex(precision="half").fit(torch.from_numpy(X).to(device))
    for other in (pickle.loads(pickle.dumps(index)), copy.deepcopy(index)):  # noqa: S301
        np.testing.assert_array_equal(other.query(Q, 9).indices, index.query(Q, 9).indices)
        np.testing.assert_array_equal(other.find_equal(X[:5]), np.arange(5))


@pytest.mark.skipif(not is_installed("skops"), reason="skops is not installed")
def test_save_refuses_tensors(tmp_path):
    detector = KNNOutlierDetector(algorithm="exact").fit(torch.from_numpy(rows(60)))
    with pytest.raises(ValueError, match=r"has a torch.Tensor; give an array instead"):
        save(detector, tmp_path / "detector.skood")


@each_device
def test_bad_tensors(device):
    X = torch.from_numpy(rows(60)).to(device)
    bad = X.clone()
    bad[7, 1] = float("nan")
    with pytest.raises(ValueError, match=rf"NaN.* row 7 of a tensor on {device}"):
        ExactIndex().fit(bad)
    with pytest.raises(ValueError, match=r"expecting 4 features"):
        ExactIndex().fit(X).query(X[:, :3], 2)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        ExactIndex().fit(X[:0])


def test_half_precision_is_of_torch():
    with pytest.raises(
        ValueError, match=r"'precision' parameter .* 'auto' or 'full', because NumPy"
    ):
        ExactIndex(precision="half").fit(rows())
    with pytest.raises(ValueError, match=r"'precision' .* one of 'auto', 'full', 'half'. Got 16"):
        ExactIndex(precision=16).fit(rows())


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["full", "half"])
@pytest.mark.parametrize("order", ["as drawn", "one class after another"])
def test_all_neighbours_of_many_wide_rows(precision, order):
    generator = torch.Generator("cuda").manual_seed(0)
    X, Q = (torch.randn(s, 768, device="cuda", generator=generator) for s in (200_000, 500))
    if order != "as drawn":
        classes = 4 * torch.randn(40, 768, device="cuda", generator=generator)
        X += classes.repeat_interleave(5_000, dim=0)
        Q += classes[torch.arange(500, device="cuda") % 40]
    found = ExactIndex(precision=precision).fit(X).query(Q, 10)
    distances = torch.cdist(Q.double(), X.double())
    np.testing.assert_array_equal(found.indices, distances.topk(10, largest=False)[1].cpu())
