"""The product by torch: only where torch is loaded, the same answers, no setting left behind."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.metrics.pairwise import euclidean_distances

from skood.neighbors import ExactIndex
from skood.neighbors import _product as products
from skood.neighbors._torch_precision import full_precision, is_full_precision

from ..detectors import rows

torch = pytest.importorskip("torch", reason="torch is not installed")

needs_mkl = pytest.mark.skipif(
    not torch.backends.mkl.is_available(), reason="a torch without MKL is never chosen"
)


@pytest.fixture
def by_torch(monkeypatch):
    """torch's product wherever it is safe, and how many threads torch had in each of its calls."""
    monkeypatch.setattr(products, "_WORTH_IT", 0)
    monkeypatch.setattr(products, "_torch_is_faster", lambda: True)
    multiply, n_threads = torch.mm, []

    def noting(*args, **kwargs):
        n_threads.append(torch.get_num_threads())
        return multiply(*args, **kwargs)

    monkeypatch.setattr(torch, "mm", noting)
    return n_threads


def _threads_of_a_new_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def three_torch_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@needs_mkl
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [5, 300])
def test_same_answers(d, dtype, metric, by_torch):
    X, Q = rows(3000, d, dtype=dtype) + 3, rows(400, d, dtype=dtype, seed=1) + 3
    index = ExactIndex(metric=metric, n_jobs=2).fit(X)
    found = index.query(Q, 7)
    assert by_torch
    alone = ExactIndex(metric=metric, n_jobs=1).fit(X).query(Q, 7)  # by NumPy
    np.testing.assert_array_equal(found.indices, alone.indices)
    np.testing.assert_array_equal(found.distances, alone.distances)


@needs_mkl
def test_each_thread_works_alone_and_no_setting_stays(by_torch, three_torch_threads):
    ExactIndex(n_jobs=2).fit(rows(3000, 4)).query(rows(600, 4, seed=1), 5)
    assert set(by_torch) == {1}
    assert torch.get_num_threads() == 3
    assert _threads_of_a_new_thread() == 3


@needs_mkl
def test_the_trial_times_both(monkeypatch, three_torch_threads):
    timed = []
    for name in ("by_numpy", "by_torch"):
        product = getattr(products, name)

        def noting(left, right, out, *, product=product, name=name):
            timed.append(name)
            product(left, right, out)
            np.testing.assert_array_equal(out, left.shape[1])

        monkeypatch.setattr(products, name, noting)
    assert isinstance(products._torch_is_faster.__wrapped__(), bool)
    assert timed.count("by_numpy") == timed.count("by_torch") > 1
    assert torch.get_num_threads() == _threads_of_a_new_thread() == 3


def test_the_faster_one_is_taken(monkeypatch):
    monkeypatch.setattr(products, "_TRIAL_SHAPE", (2, 2, 2))
    for slow, expected in (("by_numpy", True), ("by_torch", False)):
        with monkeypatch.context() as patch:
            patch.setattr(products, slow, lambda *_: threading.Event().wait(0.01))
            assert products._trial() is expected


def test_not_where_the_user_allows_products_less_precision(by_torch):
    index = ExactIndex(n_jobs=2).fit(rows(3000, 4))
    torch.set_float32_matmul_precision("medium")
    try:
        index.query(rows(600, 4, seed=1), 5)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert not by_torch


def test_not_for_little_work(by_torch, monkeypatch):
    monkeypatch.setattr(products, "_WORTH_IT", 600 * 3000 * 4 + 1)
    ExactIndex(n_jobs=2).fit(rows(3000, 4)).query(rows(600, 4, seed=1), 5)
    assert not by_torch


CODE = """
import sys
import numpy as np
from skood.neighbors import ExactIndex, _product
_product._WORTH_IT = 0
if sys.argv[1] == "blocked":
    sys.modules["torch"] = None  # Python's own way of saying that it can't be imported
X = np.random.default_rng(0).normal(size=(3000, 4))
print(ExactIndex(n_jobs=2).fit(X).query(X[:600], 1).distances.max(), sys.modules.get("torch"))
"""


@pytest.mark.parametrize("how", ["not loaded", "blocked"])
def test_torch_is_not_loaded_for_it(how):
    found = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True)
    assert found.stdout.split() == ["0.0", "None"], found.stderr


def test_settings_of_the_newer_kind_are_put_back():
    cpu, cuda = getattr(torch.backends.mkldnn, "matmul", None), torch.backends.cuda.matmul
    if cpu is None:
        pytest.skip("this torch has no `fp32_precision`, only the older setting")
    assert is_full_precision(torch)
    try:
        cpu.fp32_precision, cuda.fp32_precision = "bf16", "tf32"
        with pytest.raises(RuntimeError):
            torch.get_float32_matmul_precision()
        assert not is_full_precision(torch)
        with full_precision(torch):
            assert cpu.fp32_precision == cuda.fp32_precision == "ieee"
        assert (cpu.fp32_precision, cuda.fp32_precision) == ("bf16", "tf32")
    finally:
        cpu.fp32_precision = cuda.fp32_precision = "ieee"


def test_distances_are_right_after_a_real_choice():
    # Nothing is set here: more work than `_WORTH_IT`, so the trial itself decides.
    X, Q = rows(9000, 600, dtype=np.float32), rows(1700, 600, dtype=np.float32, seed=1)
    assert len(X) * len(Q) * 600 >= products._WORTH_IT
    found = ExactIndex(n_jobs=2).fit(X).query(Q, 3)
    some = slice(0, 20)
    wide = euclidean_distances(Q[some].astype(np.float64), X.astype(np.float64))
    np.testing.assert_array_equal(found.indices[some], np.argsort(wide, axis=1)[:, :3])
    np.testing.assert_allclose(found.distances[some], np.sort(wide, axis=1)[:, :3], rtol=1e-9)
