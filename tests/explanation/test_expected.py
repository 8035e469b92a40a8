"""Values of rows, and what the training rows behind scores have, in columns and units of X."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import skood
from skood import (
    ConformalOutlierDetector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    OutlierPipeline,
    PartialWhitener,
    explain,
    make_outlier_detector,
)
from skood.explanation._reasons import in_digits
from skood.preprocessing import TableScaler

from ..detectors import rows

NEIGHBOURS = [
    LCPOutlierDetector(),
    LCPOutlierDetector(metric="cosine"),
    KNNOutlierDetector(7),
    LOFOutlierDetector(8),
    KernelDensityOutlierDetector(),
]
BEFORE = {
    "nothing": [],
    "scaled": [MinMaxScaler((-1, 3)), RobustScaler()],
    "whitened": [StandardScaler(), PartialWhitener(0.5)],
    "divided": [PartialWhitener(0.5, length_power=0.75)],
    "whitened components": [StandardScaler(), PCA(whiten=True)],
    "quantiles": [QuantileTransformer(n_quantiles=120)],
}


def _rows(n=120, seed=0):
    """Positive rows of features in different units that go along with each other."""
    mixed = rows(n, 5, seed=seed) @ (np.eye(5) + 0.3)
    return mixed * [1.0, 0.1, 10.0, 3.0, 100.0] + [9.0, 1.0, 90.0, 30.0, 900.0]


def _ends(values):
    return np.quantile(values, [0.05, 0.5, 0.95], axis=1, method="nearest")


def _of(explanation):
    expected = explanation.expected
    return np.array([expected.low, expected.median, expected.high])


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(
    "detector",
    NEIGHBOURS,
    ids=lambda d: f"{type(d).__name__}-{d.metric}" if hasattr(d, "metric") else type(d).__name__,
)
def test_what_the_neighbours_have_in_the_units_of_the_rows(detector, before):
    X, Q = _rows(), np.vstack([_rows(9, seed=1), _rows()[:2], _rows(2, seed=2) * 3])
    pipeline = make_pipeline(*map(clone, BEFORE[before]), clone(detector)).fit(X)
    explanation = explain(pipeline, Q)
    np.testing.assert_allclose(explanation.values, Q)
    near = X[explanation.neighbors.indices]
    np.testing.assert_allclose(_of(explanation), _ends(near), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("before", ["nothing", "scaled", "whitened", "whitened components"])
def test_the_mahalanobis_distance_expects_the_nearest_class(before):
    X, Q = _rows(), _rows(9, seed=1)
    y = np.array(["a", "b"])[np.arange(120) % 2]
    X[y == "b"] += 500.0
    Q[::2] += 500.0
    detector = MahalanobisOutlierDetector(covariance="empirical")
    explanation = explain(make_pipeline(*map(clone, BEFORE[before]), detector).fit(X, y), Q)
    means = np.array([X[y == label].mean(axis=0) for label in explanation.nearest_class])
    residuals = X - np.array([X[y == label].mean(axis=0) for label in y])
    half = 1.6448536 * residuals.std(axis=0)
    np.testing.assert_allclose(_of(explanation), [means - half, means, means + half], rtol=1e-4)


def test_what_is_not_kept_is_not_expected():
    X, Q = _rows(), _rows(9, seed=1)
    lengths = make_pipeline(PartialWhitener(length_power=1.0), KNNOutlierDetector()).fit(X)
    assert np.isnan(_of(explain(lengths, Q))).all()
    divided = make_pipeline(PartialWhitener(length_power=0.5), MahalanobisOutlierDetector()).fit(X)
    explanation = explain(divided, Q)
    assert np.isnan(explanation.expected.low).all()
    assert np.isfinite(explanation.expected.median).all()
    assert ", expected about " in explanation.reasons()[0][0]
    chosen = make_pipeline(VarianceThreshold(0.5), KNNOutlierDetector()).fit(X)
    dropped = ~chosen[0].get_support()
    assert dropped.any()
    explanation = explain(chosen, Q)
    np.testing.assert_array_equal(np.isnan(explanation.expected.median), [dropped] * 9)


def test_normalised_rows_have_the_mean_at_their_own_length():
    X = _rows()
    explanation = MahalanobisOutlierDetector(normalize=True).fit(X).explain(10 * X[:5])
    mean = (X / np.linalg.norm(X, axis=1, keepdims=True)).mean(axis=0)
    expected = mean * np.linalg.norm(10 * X[:5], axis=1, keepdims=True)
    np.testing.assert_allclose(explanation.expected.median, expected, rtol=1e-9)


def test_numbers_of_1e150_and_single_floats():
    X = _rows()
    for detector in (KNNOutlierDetector(), MahalanobisOutlierDetector()):
        small = clone(detector).fit(X).explain(X[:5])
        large = clone(detector).fit(X * 1e150).explain(X[:5] * 1e150)
        np.testing.assert_allclose(_of(large) / 1e150, _of(small), rtol=1e-9)
        single = clone(detector).fit(X.astype(np.float32)).explain(X[:5].astype(np.float32))
        np.testing.assert_allclose(_of(single), _of(small), rtol=1e-4)


def test_layers_expect_what_their_own_neighbours_have():
    X, Q = _rows(), _rows(9, seed=1)
    groups = {"a": [0, 2], "b": [4, 1, 0]}
    for before in ([], [StandardScaler()], [StandardScaler(), PCA()]):
        steps = make_pipeline(*before, LayerEnsemble(KNNOutlierDetector(4), groups=groups))
        explanation = explain(steps.fit(X), Q)
        np.testing.assert_allclose(explanation.values, Q)
        if len(before) < 2:
            near = X[explanation.layers["a"].neighbors.indices][..., [0, 2]]
            found = _of(explanation)
            np.testing.assert_allclose(found[..., [0, 2]], _ends(near), rtol=1e-6)
            near = X[explanation.layers["b"].neighbors.indices][..., [4, 1]]
            np.testing.assert_allclose(found[..., [4, 1]], _ends(near), rtol=1e-6)
            assert np.isnan(found[..., 3]).all()


# ---------------------------------------------------------------------------------- tables


def _table(n=400, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "weight": [f"{w:.2f} kg".replace(".", ",") for w in random.normal(2, 0.3, n)],
            "country": random.choice(["AT", "DE", "CZ"], n, p=[0.6, 0.3, 0.1]),
            "price": random.lognormal(3, 0.5, n).round(2),
        }
    )


def _strange():
    new = _table(6, seed=1)
    new.loc[0, "weight"] = "9,00 kg"
    new.loc[1, "country"] = "XX"
    new.loc[2, ["price", "country"]] = None
    return new


def _plain(frame):
    weight = frame["weight"].str.replace(" kg", "").str.replace(",", ".").astype(float)
    return frame.assign(weight=weight).drop(columns="id")


def _check_table(explanation, train, new, names):
    """Values and expectations are those of the tables, whatever was between them and the scores."""
    assert list(explanation.feature_names) == names
    near = train[names].to_numpy(dtype=object)[explanation.neighbors.indices]
    for j, name in enumerate(names):
        if name == "country":
            shown = explanation.expected.categories[j]
            for i, texts in enumerate(near[..., j]):
                shares = {k: np.mean(texts == k) for k in ("AT", "DE", "CZ")}
                found = dict(zip(shown.labels, shown.shares[i], strict=True))
                assert {k: pytest.approx(found[k], abs=1e-6) for k in shares} == shares
        else:
            got = _of(explanation)[..., j]
            np.testing.assert_allclose(got, _ends(near[..., j].astype(float)), rtol=1e-6)
    for i in range(len(new)):
        for j, name in enumerate(names):
            value, given = explanation.values[i, j], new[name].iloc[i]
            missing = given is None or given != given
            assert (value is None or value != value) if missing else value == given


def _parts():
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["price", "weight"]),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"),
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            ),
            make_column_selector(dtype_exclude="number"),
        ),
    )


@pytest.mark.parametrize("whitened", [False, True])
@pytest.mark.parametrize("calibrated", [False, True])
def test_the_columns_of_a_table_behind_all_that_prepares_it(tmp_path, whitened, calibrated):
    train, new = _table(), _strange()
    table = TableScaler(missing="median", exclude=["id"])
    steps = [table, *([PartialWhitener(0.5)] if whitened else []), LCPOutlierDetector()]
    detector = make_pipeline(*steps)
    if calibrated:
        detector = ConformalOutlierDetector(OutlierPipeline(detector.steps), random_state=0)
    detector.fit(train)
    skood.save(detector, tmp_path / "d.skood")
    for fitted in (detector, skood.load(tmp_path / "d.skood")):
        explanation = explain(fitted, new)
        known = _plain(train)
        if calibrated:  # a part of the rows calibrates
            known = known.drop(index=fitted.training_indices_).reset_index(drop=True)
        _check_table(explanation, known, _plain(new), ["weight", "price", "country"])
        reasons = explanation.reasons()
        assert reasons[0][0].startswith("weight = 9 kg, expected 2.")
        assert reasons[0][0].split(" (")[0].endswith(" kg")
        assert reasons[1][0].startswith('country = "XX" (new), expected "AT" ')
        assert any(text.startswith(("country is missing, ", "price is mi")) for text in reasons[2])


def test_the_columns_of_a_column_transformer():
    train, new = _plain(_table()), _plain(_strange())
    for tail in ([], [PartialWhitener(0.5)]):
        detector = make_pipeline(_parts(), *tail, KNNOutlierDetector()).fit(train)
        explanation = explain(detector, new)
        _check_table(explanation, train, new, ["price", "weight", "country"])
        np.testing.assert_allclose(
            explanation.base - explanation.shares.sum(axis=1), detector.score_samples(new)
        )
    assert explanation.reasons()[1][0].startswith('country = "XX" (new), expected ')
    tangled = make_column_transformer(
        (OneHotEncoder(drop="first"), ["country"]), remainder="passthrough"
    )
    pipeline = make_pipeline(tangled, KNNOutlierDetector()).fit(train)
    names = explain(pipeline, train[:4]).feature_names
    assert list(names) == list(tangled.fit(train).get_feature_names_out())


def test_logarithms_with_their_inverse_come_back():
    train = _plain(_table())[["price", "weight"]]
    logs = FunctionTransformer(np.log, np.exp, feature_names_out="one-to-one")
    explanation = explain(make_pipeline(logs, KNNOutlierDetector(3)).fit(train), train[:4])
    near = train.to_numpy()[explanation.neighbors.indices]
    np.testing.assert_allclose(_of(explanation), _ends(near))
    np.testing.assert_allclose(explanation.values, train[:4])
    one_way = make_pipeline(FunctionTransformer(np.log), KNNOutlierDetector(3)).fit(train)
    np.testing.assert_allclose(explain(one_way, train[:4]).values, np.log(train[:4]))


def test_a_table_with_a_line_for_each_feature():
    new = _strange()
    detector = make_outlier_detector("tabular")
    detector.set_params(tablescaler__missing="median", tablescaler__exclude=["id"]).fit(_table())
    explanation = explain(detector, new)
    table = explanation.to_frame()
    names = ["row", "feature", "value", "expected_low", "expected_median", "expected_high", "share"]
    assert list(table.columns) == names
    assert table["row"].tolist() == np.repeat(np.arange(6), 3).tolist()
    strange = table[(table["row"] == 0) & (table["feature"] == "weight")].iloc[0]
    assert (strange["value"], strange["share"]) == (9.0, explanation.shares[0, 0])
    assert 2 < strange["expected_low"] < strange["expected_median"] < strange["expected_high"] < 3.5
    unknown = table[(table["row"] == 1) & (table["feature"] == "country")].iloc[0]
    assert (unknown["value"], unknown["expected_median"]) == ("XX", "AT")
    assert np.isnan(unknown["expected_low"])
    part = explanation[[1, 0]].to_frame()
    assert part["value"].tolist() == [*table["value"][3:6], *table["value"][:3]]
    assert part["share"].tolist() == [*table["share"][3:6], *table["share"][:3]]


# ---------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("number", "others", "text"),
    [
        (50.7312, (), "50.7"),
        (2024.0, (), "2024"),
        (2024.0, (2023.0,), "2024"),
        (123456.78, (), "123457"),
        (1234567.0, (), "1230000"),
        (1.7e9 + 5, (1.7e9,), "1700000005"),
        (1e12, (10.0, 30.0), "1000000000000"),
        (10.0, (1e12,), "10"),
        (-0.0123456, (), "-0.0123"),
        (3.0001, (3.0,), "3.0001"),
        (3.3, (3.3000000000000003,), "3.3"),
        (1e-9, (), "1e-09"),
        (1e200, (), "1e+200"),
        (0.0, (1e-7,), "0"),
        (99.96, (), "100"),
        (float("inf"), (1.0,), "inf"),
    ],
)
def test_numbers_have_three_digits_and_more_where_they_need_them(number, others, text):
    assert in_digits(number, *others) == text


def test_reasons_of_a_row(tmp_path):
    X = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    explanation = KNNOutlierDetector(2).fit(X).explain([[9.0, 5.0], [2.0, 17.0]])
    assert explanation.reasons() == [
        ["x0 = 9, expected 2 to 3 (100 %)"],
        ["x1 = 17, expected 5 (100 %)"],
    ]
    assert explanation.reasons(1)[1] == ["x1 = 17, expected 5 (100 %)"]
    with pytest.raises(ValueError, match=r"^The 'n_features' parameter of Explanation\.reasons mu"):
        explanation.reasons(0)


class Bare(KNNOutlierDetector):
    """A detector of a user, which knows nothing of values."""

    def explain(self, X):
        found = super().explain(X)
        return skood.explanation.Explanation(
            found.scores, found.shares, found.feature_names, found.base
        )


def test_detectors_that_give_no_values():
    X = _rows()
    explanation = explain(Bare().fit(X), X[:2])
    assert explanation.reasons()[0][0].endswith(" %)")
    assert explanation.to_frame()["value"].isna().all()
    explanation = explain(make_pipeline(StandardScaler(), Bare()).fit(X), X[:2])
    np.testing.assert_allclose(explanation.values, X[:2])
    assert explanation.to_frame()["expected_median"].isna().all()
