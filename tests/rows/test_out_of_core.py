"""Rows on disk: the same scores as in memory, little memory, and clear errors."""

from __future__ import annotations

import pickle
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
    load,
    make_outlier_detector,
    open_rows,
    save,
)
from skood.neighbors import ExactIndex, KDTreeIndex
from skood.rows import JoinedRows, StoredRows, as_stored_rows
from skood.rows import _stored_rows as reading

from ..detectors import DETECTORS, VARIANTS
from .rows_on_disk import KINDS, data, needs_parquet, needs_skops, on_disk, table

# their training rows stay on disk
STREAMED = ("KNN", "LCP", "LOF", "KernelDensity", "Mahalanobis")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reads_as_an_array_is_read(kind, dtype, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "PIECE_BYTES", 1 << 11)
    X = data(dtype=dtype)
    stored = as_stored_rows(on_disk(X, kind, tmp_path))
    assert isinstance(stored, StoredRows)
    assert (stored.shape, stored.dtype, len(stored)) == (X.shape, X.dtype, len(X))
    rng = np.random.default_rng(0)
    for size in (1, 7, 64, 1000):
        for start, block in stored.blocks(size):
            np.testing.assert_array_equal(block, X[start : start + size])
            assert block.flags.c_contiguous
    for _ in range(60):
        start, stop = np.sort(rng.integers(0, len(X) + 1, size=2))
        np.testing.assert_array_equal(stored[start:stop], X[start:stop])
        picked = rng.integers(-len(X), len(X), size=(6, 2))
        np.testing.assert_array_equal(stored[picked], X[picked])
        np.testing.assert_array_equal(stored.take(picked, axis=0), X[picked])
    np.testing.assert_array_equal(stored[::13], X[::13])
    np.testing.assert_array_equal(stored[5:90, ::2], X[5:90, ::2])
    np.testing.assert_array_equal(stored[X[:, 0] > 3], X[X[:, 0] > 3])
    np.testing.assert_array_equal(np.asarray(stored), X)
    np.testing.assert_array_equal(np.asarray(stored.astype(np.float64)), X.astype(np.float64))
    with pytest.raises(IndexError, match=r"must be below the 300 rows"):
        stored.take([300])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", DETECTORS + VARIANTS, ids=str)
def test_scores_are_those_in_memory(case, kind, tmp_path):
    X, Q = data(), np.concatenate([data(40, seed=1), data()[:20]])
    options = {"threshold_samples": 60, "random_state": 0}
    expected = case.make(**options).fit(X)
    stored = case.make(**options).fit(on_disk(X, kind, tmp_path))
    queries = on_disk(Q, kind, tmp_path, "queries")
    # columns of a Parquet file have names, and then queries have to have them too
    np.testing.assert_allclose(stored.score_samples(queries), expected.score_samples(Q), rtol=1e-6)
    np.testing.assert_array_equal(stored.training_indices_, expected.training_indices_)
    np.testing.assert_allclose(stored.training_scores_, expected.training_scores_, rtol=1e-6)
    np.testing.assert_allclose(stored.offset_, expected.offset_, rtol=1e-6)


@pytest.mark.parametrize("case", [c for c in DETECTORS if c.name in STREAMED], ids=str)
@given(data=st.data())
def test_any_chunks_give_the_scores_in_memory(case, data, tmp_path_factory):
    draw = data.draw
    n, d = draw(st.integers(25, 160)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    X, Q = (rng.normal(size=(m, d)).astype(dtype) for m in (n, 12))
    copies = rng.integers(0, n, size=(2, draw(st.integers(0, n // 2))))
    X[copies[0]] = X[copies[1]]
    Q[:4] = X[:4]
    X += draw(st.sampled_from([0, 1e3]))
    Q += X.mean(axis=0) - Q.mean(axis=0)
    cuts = np.sort(rng.integers(1, n, size=draw(st.integers(0, 4))))
    folder = tmp_path_factory.mktemp("parts")
    parts = []
    for i, part in enumerate(np.split(X, cuts)):
        np.save(folder / f"{i}.npy", part)
        in_memory = draw(st.booleans()) or len(part) == 0
        parts.append(part if in_memory else open_rows(folder / f"{i}.npy"))
    options = {"threshold_samples": 20, "random_state": 0}
    if case.neighbors:
        options["algorithm"] = "exact"
    with mock.patch.object(reading, "PIECE_BYTES", draw(st.sampled_from([1 << 6, 1 << 10]))):
        stored = case.make(**options).fit(JoinedRows(parts))
        scores = stored.score_samples(Q)
    expected = case.make(**options).fit(X)
    np.testing.assert_allclose(scores, expected.score_samples(Q), rtol=1e-6)
    np.testing.assert_allclose(stored.offset_, expected.offset_, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_training_rows_stay_on_disk(kind, tmp_path):
    X = on_disk(data(), kind, tmp_path)
    for make in (KNNOutlierDetector, LCPOutlierDetector):
        index = make().fit(X).index_
        assert isinstance(index, ExactIndex)
        assert isinstance(index.training_rows_, StoredRows)
    assert isinstance(KernelDensityOutlierDetector().fit(X).training_rows_, StoredRows)


def test_few_columns_are_for_a_tree_unless_it_would_fill_the_memory(tmp_path):
    import sklearn

    X = on_disk(data(d=3), "memmap", tmp_path)
    assert isinstance(KNNOutlierDetector().fit(X).index_, KDTreeIndex)
    with sklearn.config_context(working_memory=0.01):
        assert isinstance(KNNOutlierDetector().fit(X).index_, ExactIndex)


@pytest.mark.parametrize("kind", KINDS)
def test_index_answers_rows_on_disk(kind, tmp_path):
    X, Q = data(), data(40, seed=1)
    for metric in ("euclidean", "cosine"):
        index = ExactIndex(metric=metric).fit(on_disk(X, kind, tmp_path, metric))
        expected = ExactIndex(metric=metric).fit(X)
        found = index.query(on_disk(Q, kind, tmp_path, f"Q-{metric}"), 7)
        np.testing.assert_array_equal(found.indices, expected.query(Q, 7).indices)
        np.testing.assert_array_equal(found.distances, expected.query(Q, 7).distances)
        found, expected = index.query_training(5), expected.query_training(5)
        np.testing.assert_array_equal(found.indices, expected.indices)


def test_explanations_and_pipelines_of_rows_on_disk(tmp_path):
    X, Q = data(), data(30, seed=1)
    stored, queries = on_disk(X, "memmap", tmp_path), on_disk(Q, "npy", tmp_path, "queries")
    for make in (LCPOutlierDetector, KernelDensityOutlierDetector, MahalanobisOutlierDetector):
        found, expected = make().fit(stored).explain(queries), make().fit(X).explain(Q)
        np.testing.assert_allclose(found.shares, expected.shares, rtol=1e-6, atol=1e-12)
    for kind in ("tabular", "embedding"):
        found = make_outlier_detector(kind).fit(stored).score_samples(queries)
        expected = make_outlier_detector(kind).fit(X).score_samples(Q)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_whitener_of_rows_on_disk(tmp_path):
    X = data()
    stored = PartialWhitener().fit(on_disk(X, "memmap", tmp_path))
    np.testing.assert_allclose(
        stored.transform(open_rows(tmp_path / "rows.npy")),
        PartialWhitener().fit(X).transform(X),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.bool_, np.float16, ">f4"])
def test_other_numbers_are_read_as_float64(dtype, tmp_path):
    X = (np.abs(data()) * 10).astype(dtype)
    stored = on_disk(X, "memmap", tmp_path)
    detector = KNNOutlierDetector(algorithm="exact").fit(stored)
    assert detector.index_.training_rows_.dtype == np.float64
    expected = KNNOutlierDetector(algorithm="exact").fit(X.astype(np.float64))
    np.testing.assert_allclose(detector.score_samples(stored), expected.score_samples(X))


@needs_parquet
def test_column_names_of_parquet_files(tmp_path):
    import pyarrow.parquet as pq

    X = data(d=4)
    pq.write_table(table(X).append_column("label", [["a"] * len(X)]), tmp_path / "rows.parquet")
    with pytest.raises(
        ValueError, match=r"of floats, whole numbers or booleans. Got column 'label'"
    ):
        open_rows(tmp_path / "rows.parquet")
    chosen = open_rows(tmp_path / "rows.parquet", columns=["c0", "c2"])
    detector = KNNOutlierDetector(algorithm="exact").fit(chosen)
    assert detector.feature_names_in_.tolist() == ["c0", "c2"]
    frame = table(X).to_pandas()[["c0", "c2"]]
    expected = KNNOutlierDetector(algorithm="exact").fit(frame).score_samples(frame)
    np.testing.assert_allclose(detector.score_samples(frame), expected)
    swapped = open_rows(tmp_path / "rows.parquet", columns=["c2", "c0"])
    with pytest.raises(ValueError, match=r"feature names should match"):
        detector.score_samples(swapped)
    with pytest.raises(ValueError, match=r"'columns' parameter of open_rows must be a list"):
        open_rows(tmp_path / "rows.parquet", columns=["c9"])


@needs_parquet
def test_parquet_files_that_do_not_fit_together(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "parts"
    folder.mkdir()
    pq.write_table(table(data(d=2)), folder / "a.parquet")
    pq.write_table(table(data(d=2)).rename_columns(["c0", "other"]), folder / "b.parquet")
    with pytest.raises(ValueError, match=r"b.parquet must have the columns of .*a.parquet"):
        open_rows(folder)
    ragged = pa.table({"e": pa.array([[1.0, 2.0], [3.0]])})
    pq.write_table(ragged, tmp_path / "ragged.parquet")
    with pytest.raises(ValueError, match=r"lists of column 'e' .* must all have 2 values"):
        KNNOutlierDetector(1, algorithm="exact").fit(open_rows(tmp_path / "ragged.parquet"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_first_bad_row_is_named(kind, bad, tmp_path):
    X = data()
    X[217, 4] = X[260, 1] = bad
    stored = on_disk(X, kind, tmp_path)
    for make in (
        KNNOutlierDetector,
        KernelDensityOutlierDetector,
        MahalanobisOutlierDetector,
        PartialWhitener,
    ):
        with pytest.raises(ValueError, match=r"Input X contains NaN.*row 217 of"):
            make().fit(stored)
    detector = KNNOutlierDetector().fit(data())
    if kind in ("parquet", "folder"):
        detector.fit(table(data()).to_pandas())
    with pytest.raises(ValueError, match=r"Input X contains NaN.*row 217 of"):
        detector.score_samples(stored)


def test_a_value_too_large_for_the_training_type_is_named(tmp_path):
    detector = KNNOutlierDetector().fit(data())
    Q = data(dtype=np.float64)
    Q[12, 3] = 1e300
    with pytest.raises(ValueError, match=r"too large for float32: row 12 of"):
        detector.score_samples(on_disk(Q, "memmap", tmp_path))


def test_files_that_hold_no_rows_of_numbers(tmp_path):
    np.save(tmp_path / "text.npy", np.array([["a", "b"]]))
    with pytest.raises(ValueError, match=r"floats, whole numbers or booleans. Got .*type <U1"):
        open_rows(tmp_path / "text.npy")
    np.save(tmp_path / "objects.npy", np.array([[1, None]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"must be a .npy file of numbers"):
        open_rows(tmp_path / "objects.npy")
    (tmp_path / "raw").write_bytes(bytes(800))
    objects = np.memmap(tmp_path / "raw", dtype=object, mode="r", shape=(20, 5))
    with pytest.raises(ValueError, match=r"Got .* of type object instead"):
        KNNOutlierDetector().fit(objects)
    np.save(tmp_path / "images.npy", np.zeros((3, 4, 5)))
    with pytest.raises(ValueError, match=r"two axes.*shape \(3, 4, 5\)"):
        open_rows(tmp_path / "images.npy")


def test_no_rows(tmp_path):
    stored = on_disk(np.empty((0, 4), dtype=np.float32), "npy", tmp_path)
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 4\)\).*2 is required by KNN"):
        KNNOutlierDetector().fit(stored)
    with pytest.raises(ValueError, match=r"0 sample\(s\).*minimum of 1 is required"):
        KNNOutlierDetector().fit(data(d=4)).score_samples(stored)


def test_other_width(tmp_path):
    with pytest.raises(ValueError, match=r"8 features, but KNNOutlierDetector is expecting 9"):
        KNNOutlierDetector().fit(data()).score_samples(on_disk(data(d=8), "npy", tmp_path))


def test_nothing_to_open(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"does not exist"):
        open_rows(tmp_path / "rows.npy")
    (tmp_path / "rows.csv").write_text("1,2\n")
    with pytest.raises(ValueError, match=r"'path' parameter of open_rows .* Got '.*rows.csv'"):
        open_rows(tmp_path / "rows.csv")
    np.save(tmp_path / "rows.npy", data())
    with pytest.raises(ValueError, match=r"'columns' parameter of open_rows must be None"):
        open_rows(tmp_path / "rows.npy", columns=["a"])


@pytest.mark.parametrize("kind", KINDS)
def test_pickles(kind, tmp_path):
    X, Q = data(4000), data(20, seed=1)
    stored = on_disk(X, kind, tmp_path)
    detector = LCPOutlierDetector(threshold_samples=50, random_state=0).fit(stored)
    content = pickle.dumps(detector)
    again = pickle.loads(content)  # noqa: S301
    queries = on_disk(Q, kind, tmp_path, "queries")
    np.testing.assert_array_equal(again.score_samples(queries), detector.score_samples(queries))
    if kind in ("npy", "parquet", "lists", "folder", "zarr"):
        assert len(content) < X.nbytes  # where the rows are, and not the rows


@needs_skops
@pytest.mark.parametrize("kind", ["memmap", "npy", pytest.param("parquet", marks=needs_parquet)])
def test_save_and_load(kind, tmp_path):
    stored = on_disk(data(), kind, tmp_path)
    detector = LCPOutlierDetector().fit(stored)
    save(detector, tmp_path / "detector.skood")
    rows = {}
    if kind != "memmap":  # the file holds the path alone, and opens what the caller names
        with pytest.raises(ValueError, match=r"reads rows from other files, .* pass rows=\{"):
            load(tmp_path / "detector.skood")
        rows = {stored.path: stored.path}
    again = load(tmp_path / "detector.skood", rows=rows)
    np.testing.assert_array_equal(again.score_samples(stored), detector.score_samples(stored))
