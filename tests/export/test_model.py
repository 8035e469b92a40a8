"""What a model says of itself, and what has no model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PolynomialFeatures,
    StandardScaler,
)

import skood
from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    NormalScoreTransformer,
    OutlierEnsemble,
    TableScaler,
    make_outlier_pipeline,
    to_onnx,
)
from skood.cli import main
from skood.export import _graph

from .test_scores import run

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pd = pytest.importorskip("pandas")

X = np.random.default_rng(0).normal(size=(100, 3))


def metadata(model):
    return {one.key: one.value for one in model.metadata_props}


def test_a_model_says_what_it_is():
    frame = pd.DataFrame(X, columns=["kg", "<m>", "Länge"])
    detector = make_outlier_pipeline(TableScaler(), KNNOutlierDetector(), random_state=0)
    model = to_onnx(detector.fit(frame))
    about = metadata(model)
    assert about["skood"] == model.producer_version == skood.__version__
    assert model.producer_name == "skood"
    assert about["estimator"] == "TableScaler + KNNOutlierDetector"
    assert float(about["threshold"]) == detector.offset_
    assert json.loads(about["feature_names"]) == ["kg", "<m>", "Länge"]
    scores, _ = run(model, frame.to_numpy())
    np.testing.assert_allclose(scores, detector.score_samples(frame), rtol=1e-5)


def test_a_detector_of_the_command_line(tmp_path):
    """It reads tables: columns that are no features, and gaps that are filled."""
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.insert(1, "row", np.arange(len(X)) * 3)
    frame.loc[::9, "b"] = np.nan
    frame.to_csv(tmp_path / "train.csv", index=False)
    names = [str(tmp_path / name) for name in ("train.csv", "detector.skood")]
    command = ["fit", "--train", names[0], "--save", names[1], "--detector", "knn", "--quiet"]
    assert main([*command, "--id-column", "row", "--missing", "median"]) == 0
    detector = skood.load(names[1])
    new = frame[list(detector.feature_names_in_)]
    model = to_onnx(detector)
    assert metadata(model)["estimator"].endswith("KNNOutlierDetector + ConformalOutlierDetector")
    scores, decisions = run(model, new.to_numpy(dtype=np.float64))
    np.testing.assert_allclose(scores, detector.score_samples(new), rtol=1e-5)
    np.testing.assert_array_equal(decisions, detector.predict(new))


def test_rows_of_a_table_without_some_columns():
    scaler = TableScaler(exclude=[1], missing="mean")
    rows = X.copy()
    rows[::7, 2] = np.nan
    detector = make_pipeline(scaler, KNNOutlierDetector()).fit(rows)
    np.testing.assert_allclose(run(to_onnx(detector), rows)[0], detector.score_samples(rows))


def test_rows_without_names_have_none():
    assert "feature_names" not in metadata(to_onnx(KNNOutlierDetector().fit(X)))


def test_columns_of_a_frame_by_name():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    columns = ColumnTransformer(
        [("one", StandardScaler(), ["c", "a"]), ("two", MinMaxScaler(), ["b"])]
    )
    detector = make_outlier_pipeline(columns, KNNOutlierDetector(), random_state=0).fit(frame)
    np.testing.assert_allclose(run(to_onnx(detector), X)[0], detector.score_samples(frame))


def test_each_node_has_a_name_of_its_own():
    """An onnxruntime of 2024 fuses nodes, and names the new one after the old one."""

    def names(graph):
        for node in graph.node:
            yield node.name
            for attribute in node.attribute:
                yield from names(attribute.g)

    detector = make_outlier_pipeline(
        MinMaxScaler(), NormalScoreTransformer(None), LCPOutlierDetector()
    )
    found = list(names(to_onnx(detector.fit(X)).graph))
    assert all(found)
    assert len(set(found)) == len(found)


def test_the_file_is_as_large_as_the_training_rows():
    for dtype in (np.float32, np.float64):
        rows = np.random.default_rng(0).normal(size=(2000, 50)).astype(dtype)
        size = len(to_onnx(KNNOutlierDetector().fit(rows)).SerializeToString())
        assert rows.nbytes < size < rows.nbytes + 10_000
    size = len(to_onnx(MahalanobisOutlierDetector().fit(rows)).SerializeToString())
    assert size < 40 * 2000 + 2 * 8 * 50**2


def test_a_model_too_large_for_its_file_is_refused(monkeypatch):
    monkeypatch.setattr(_graph, "MOST_BYTES", 2000)
    with pytest.raises(ValueError, match=r"^An ONNX file holds at most 2e-06 GB, and this model "):
        to_onnx(KNNOutlierDetector().fit(X))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LOFOutlierDetector(), r"this estimator \(LOFOutlierDetector\). It converts KNNOutlier"),
        (IsolationForest(), r"this estimator \(IsolationForest\). It converts"),
        (make_pipeline(StandardScaler(), LOFOutlierDetector()), r"\(LOFOutlierDetector\)"),
        (
            make_pipeline(PolynomialFeatures(), KNNOutlierDetector()),
            r"the step 'polynomialfeatures' \(PolynomialFeatures\). It converts ColumnTransformer",
        ),
        (
            make_pipeline(
                ColumnTransformer([("inner", PolynomialFeatures(), [0])]), KNNOutlierDetector()
            ),
            r"the step 'inner' \(PolynomialFeatures\)",
        ),
        (
            make_pipeline(FunctionTransformer(np.abs), KNNOutlierDetector()),
            "^skl2onnx can't convert the step 'functiontransformer'",
        ),
        (
            make_pipeline(TableScaler(missing="expected"), KNNOutlierDetector()),
            "^The 'missing' parameter of TableScaler must be another than 'expected'",
        ),
        (
            make_pipeline(TableScaler(scale="both"), KNNOutlierDetector()),
            "^The 'scale' parameter of TableScaler must be 'standard' for to_onnx",
        ),
        (
            make_pipeline(TableScaler(categorical=[1]), KNNOutlierDetector()),
            r"^skood.to_onnx converts a TableScaler of columns of numbers.* 'x1' holds categories",
        ),
        (
            make_pipeline(NormalScoreTransformer(None, outermost=1e-14), KNNOutlierDetector()),
            "^The 'outermost' parameter of NormalScoreTransformer must be None or a float",
        ),
        (
            OutlierEnsemble([("knn", KNNOutlierDetector())], combine="p_value"),
            "^The 'combine' parameter of OutlierEnsemble must be one of 'max', 'sum', 'softmax'",
        ),
        (
            ConformalOutlierDetector(KNNOutlierDetector(), method="cv+"),
            "^The 'method' parameter of ConformalOutlierDetector must be 'split' for to_onnx",
        ),
        (
            ConformalOutlierDetector(KNNOutlierDetector(), control="fdr"),
            "^The 'control' parameter of ConformalOutlierDetector must be 'marginal' for to_onnx",
        ),
        (OutlierEnsemble([("lof", LOFOutlierDetector())]), r"\(LOFOutlierDetector\)"),
    ],
)
def test_what_has_no_counterpart_is_named(estimator, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(estimator.fit(np.round(X)))


def test_an_approximate_search_has_no_counterpart():
    pytest.importorskip("faiss")
    message = "^The 'algorithm' parameter of KNNOutlierDetector must be 'auto', 'exact', Exact"
    with pytest.raises(ValueError, match=message):
        to_onnx(KNNOutlierDetector(algorithm="approximate").fit(X))


@pytest.mark.parametrize("estimator", [3, None, "knn", KNNOutlierDetector, X])
def test_other_things_are_no_estimators(estimator):
    with pytest.raises(ValueError, match=r"^skood.to_onnx can't convert this estimator"):
        to_onnx(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        KNNOutlierDetector(),
        MahalanobisOutlierDetector(),
        make_pipeline(StandardScaler(), KNNOutlierDetector()),
        OutlierEnsemble([("knn", KNNOutlierDetector())]),
    ],
)
def test_an_estimator_that_is_not_fitted(estimator):
    with pytest.raises(NotFittedError):
        to_onnx(estimator)


def test_without_the_extra(monkeypatch):
    import sys

    detector = make_pipeline(MinMaxScaler(), KNNOutlierDetector()).fit(X)
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match="'skl2onnx', which is not installed"):
        to_onnx(detector)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"^skood.to_onnx needs the module 'onnx'"):
        to_onnx(detector)
