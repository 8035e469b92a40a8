"""Numbers, categories and gaps in one space: what `TableScaler` makes of mixed tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    TableScaler,
    explain,
    load,
    save,
)
from skood._optional import is_installed
from skood.cli import main
from skood.metrics import auroc
from skood.preprocessing import CategoryEncoder


def customers(n=240, seed=0, gaps=0.0):
    """Customers: a category, text, a truth value, and a number with a heavy tail."""
    random = np.random.default_rng(seed)
    plan = random.choice(["basic", "plus", "pro"], n, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame(
        {
            "kg": random.normal(70, 9, n),
            "income": random.lognormal(8 + (plan == "pro"), 1.0),
            "plan": pd.Categorical(plan),
            "town": random.choice(["Graz", "Bonn", "Wien"], n),
            "active": random.random(n) < 0.7,
        }
    )
    for name in frame:
        is_gap = random.random(n) < gaps
        column = frame[name].astype("boolean") if name == "active" else frame[name]
        frame[name] = column.mask(is_gap) if gaps else frame[name]
    return frame


def strange(n=12):
    """Rows of a plan and a town that no training row has, and of odd numbers."""
    frame = customers(n, seed=5).astype({"plan": str})
    frame.loc[::2, "plan"] = "trial"
    frame.loc[1::2, ["kg", "town"]] = [200.0, "Rom"]
    return frame


def detector_of(frame, detector=None, **options):
    steps = TableScaler(**options), detector or KNNOutlierDetector()
    return make_pipeline(*steps).fit(frame)


OPTIONS = [
    {},
    {"scale": "quantile"},
    {"scale": "both"},
    {"rarity": 0.0},
    {"rarity": 1.0, "novelty": 1.0},
    *({"missing": m, "scale": s} for m in ("median", "expected") for s in ("standard", "both")),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_strange_rows_are_found_alone_and_in_one_call(options, tmp_path):
    train = customers(gaps=0.15 if "missing" in options else 0.0)
    new = pd.concat([customers(40, seed=1), strange()], ignore_index=True)
    detector = detector_of(train, **options)
    scores = detector.score_samples(new)
    assert np.isfinite(scores).all()
    assert auroc(np.repeat([1, -1], [40, 12]), scores) > 0.9
    one_by_one = [detector.score_samples(new.iloc[[i]])[0] for i in range(34, 46)]
    np.testing.assert_allclose(scores[34:46], one_by_one, rtol=1e-9)
    save(detector, tmp_path / "d.skood")
    np.testing.assert_array_equal(load(tmp_path / "d.skood").score_samples(new), scores)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_names_and_order_of_categories_change_nothing(options):
    train, new = customers(gaps=0.15 if "missing" in options else 0.0), strange()
    names = {"basic": "z", "plus": "0", "pro": "m", "trial": "never seen"}
    others = [f.assign(plan=f["plan"].astype(object).map(names)) for f in (train, new)]
    others[0]["plan"] = others[0]["plan"].astype(pd.CategoricalDtype(["z", "m", "0"]))
    scores = [
        detector_of(a, LCPOutlierDetector(), **options).score_samples(b)
        for a, b in ((train, new), others)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_two_categories_are_as_far_apart_as_two_numbers():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=900), "c": np.tile(["a", "b", "c"], 300)})
    rows = TableScaler().fit(frame).transform(frame)
    pairs = random.permutation(900)
    differences = (rows - rows[pairs]) ** 2
    other = frame["c"].to_numpy() != frame["c"].to_numpy()[pairs]
    np.testing.assert_allclose(differences[other, 1:].sum(axis=1), 2.0)
    assert differences[:, 0].mean() == pytest.approx(2.0, rel=0.1)
    new = TableScaler(novelty=3.0).fit(frame).transform(frame.head(1).assign(c="d"))
    assert ((new - rows[0]) ** 2).sum() == pytest.approx(1 + 9)


def test_rare_categories_are_further_away():
    values = np.array([["a"]] * 90 + [["b"]] * 9 + [["c"]], dtype=object)
    for rarity, ordered in ((0.0, False), (0.5, True)):
        usual, rare, rarest = CategoryEncoder(rarity=rarity).fit(values).scales_[0]
        assert (usual < rare < rarest) == ordered


@pytest.mark.parametrize("scale", ["standard", "quantile", "both"])
def test_a_gap_is_as_far_from_a_value_as_a_value_drawn_at_random(scale):
    full, gaps = customers(600), customers(600, gaps=0.3)
    scaler = TableScaler(missing="expected", scale=scale).fit(gaps)
    assert not scaler._gaps.informative.any()
    owners = scaler.feature_owners_
    for name in full:
        rows = scaler.transform(full)[:, owners == name]
        without = scaler.transform(full.assign(**{name: None}))[:, owners == name]
        known = ((rows[:300, None] - rows[None, 300:]) ** 2).sum(axis=2).mean()
        gap = ((without[:300, None] - rows[None, 300:]) ** 2).sum(axis=2).mean()
        both = ((without[:300, None] - without[None, 300:]) ** 2).sum(axis=2).mean()
        assert gap == pytest.approx(known, rel=0.1), name
        assert both == pytest.approx(known, rel=0.15), name


def test_gaps_that_say_something_are_a_feature():
    train = customers(400).assign(income=lambda f: f["income"].mask(f["plan"] == "basic"))
    scaler = TableScaler(missing="expected").fit(train)
    names = scaler.get_feature_names_out()
    column = scaler.transform(train)[:, list(names).index("income (missing)")]
    assert set(np.sign(column)) == {0.0, 1.0}
    detector = detector_of(train, missing="expected")
    paid = customers(60, seed=3).query("plan == 'basic'").head(20)  # income given, against habit
    usual = paid.assign(income=None)
    assert np.median(detector.score_samples(paid)) < np.median(detector.score_samples(usual))


@pytest.mark.parametrize("missing", ["median", "expected"])
@pytest.mark.parametrize("name", ["kg", "income", "plan", "town", "active"])
def test_a_column_may_be_missing_in_all_new_rows(name, missing):
    for gaps in (0.0, 0.2):
        detector = detector_of(customers(gaps=gaps), missing=missing)
        new = customers(30, seed=1).assign(**{name: None})
        if missing == "median" and name in ("plan", "town", "active") and not gaps:
            with pytest.warns(UserWarning, match="No row has a known category"):
                scores = detector.score_samples(new)
        else:
            scores = detector.score_samples(new)
        assert np.isfinite(scores).all()
        if missing == "expected":
            assert (detector.predict(new) == 1).mean() > 0.5


def test_explanations_name_columns_and_categories():
    detector = detector_of(customers(gaps=0.1), missing="expected", scale="both")
    explanation = explain(detector, strange())
    assert set(explanation.feature_names) == {"kg", "income", "plan", "town", "active"}
    rows = detector.score_samples(strange())
    np.testing.assert_allclose(explanation.base - explanation.shares.sum(axis=1), rows)
    top = explanation.feature_names[explanation.shares.argmax(axis=1)]
    assert (top[::2] == "plan").all()
    text = str(explanation)
    assert 'plan = "trial" (new), expected "basic"' in text
    assert "(rank)" not in text
    assert "kg = 200, expected" in text


def test_expected_shares_of_categories_are_those_of_the_neighbours():
    frame = pd.DataFrame({"x": np.zeros(100), "c": ["usual"] * 90 + ["rare"] * 10})
    detector = detector_of(frame, KNNOutlierDetector(n_neighbors=99), rarity=1.0)
    shares = explain(detector, frame.head(1).assign(c="new")).expected.categories[1]
    found = dict(zip(shares.labels, shares.shares[0], strict=True))
    assert found["usual"] == pytest.approx(0.9, abs=0.02)


def test_arrays_name_categories_by_position():
    frame = customers()
    codes = frame["plan"].cat.codes.to_numpy()
    X = np.column_stack([frame["kg"], codes, frame["income"]])
    as_frame = pd.DataFrame({"x0": X[:, 0], "x1": codes.astype(str), "x2": X[:, 2]})
    new = X[:4] + np.array([[0, 3, 0]])
    expected = detector_of(as_frame).score_samples(
        pd.DataFrame({"x0": new[:, 0], "x1": new[:, 1].astype(int).astype(str), "x2": new[:, 2]})
    )
    for categorical in ([1], ["x1"]):
        detector = detector_of(X, categorical=categorical)
        np.testing.assert_allclose(detector.score_samples(new), expected, rtol=1e-9)
        assert 'x1 = "3" (new)' in str(explain(detector, new[codes[:4] == 0][:1]))
        assert not hasattr(detector, "feature_names_in_")
    texts = np.column_stack([frame["kg"], frame["plan"].astype(object)]).astype(object)
    assert TableScaler().fit(pd.DataFrame(texts)).categories_ == ["1"]
    assert TableScaler(categorical=[1]).fit(texts).transform(texts[:2]).shape == (2, 5)
    by_position = TableScaler(categorical=[2]).fit(frame)
    assert by_position.categories_ == ["plan", "town", "active"]


@pytest.mark.parametrize("missing", ["median", "expected"])
def test_arrays_of_numbers_have_gaps(missing):
    X = customers()[["kg", "income"]].to_numpy()
    X[::7, 0] = np.nan
    detector = detector_of(X, missing=missing, scale="both")
    assert np.isfinite(detector.score_samples([[np.nan, np.nan], [70.0, np.nan]])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "ranks"}, "scale"),
        ({"rarity": 2.0}, "The 'rarity' parameter of TableScaler must be a float in .0, 1."),
        ({"novelty": 0.5}, "novelty"),
        ({"missing": "no"}, "missing"),
        ({"categorical": [7]}, "or positions from 0 to 4. Got .7. instead"),
        ({"categorical": [-1]}, "positions"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TableScaler(**options).fit(customers(40))


def test_wrong_rows_are_refused():
    X = customers()[["kg", "income"]].to_numpy()
    scaler = TableScaler(scale="both").fit(X)
    with pytest.raises(ValueError, match=r"missing values \(10 in 'x0'"):
        scaler.transform(np.where([True, False], np.nan, X[:10]))
    with pytest.raises(ValueError, match="3 features"):
        scaler.transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="sample_weight"):
        TableScaler(scale="both").fit(X, sample_weight=np.ones(len(X)))
    with pytest.raises(ValueError, match="names of columns, or positions"):
        TableScaler(categorical=["plan"]).fit(X)


def test_a_search_tries_the_scales_and_rarities():
    grid = {
        "tablescaler__scale": ["standard", "both"],
        "tablescaler__rarity": [0.0, 1.0],
    }

    def separates(detector, X, _=None):
        scores = detector.score_samples(pd.concat([X, strange()]))
        return auroc(np.repeat([1, -1], [len(X), 12]), scores)

    detector = detector_of(customers())
    search = GridSearchCV(detector, grid, scoring=separates, cv=2).fit(customers())
    assert search.best_score_ > 0.9
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_float32_stays_and_far_values_are_finite():
    X = customers()[["kg", "income"]].to_numpy().astype(np.float32)
    scaler = TableScaler(scale="both").fit(X)
    assert scaler.transform(X).dtype == np.float32
    for unit in (1e-150, 1e150):
        far = TableScaler(scale="both").fit(X.astype(float) * unit)
        np.testing.assert_allclose(
            far.transform(X.astype(float) * unit), scaler.transform(X.astype(float)), atol=1e-4
        )
    assert np.isfinite(scaler.transform(np.full((1, 2), 1e38, dtype=np.float32))).all()


@pytest.mark.skipif(not is_installed("dask"), reason="dask is not installed")
@pytest.mark.parametrize("missing", ["refuse", "expected"])
def test_dask_scores_frames_in_parts(missing):
    import dask.dataframe as dd

    from skood.parallel import DaskOutlierDetector

    train, new = customers(gaps=0.0 if missing == "refuse" else 0.1), strange(40)
    detector = detector_of(train, missing=missing, scale="both")
    lazy = DaskOutlierDetector(detector).score_samples(dd.from_pandas(new, npartitions=3))
    np.testing.assert_allclose(lazy.compute(), detector.score_samples(new), rtol=1e-9)


def test_the_command_line_takes_categories_and_gaps(tmp_path):
    customers(gaps=0.1).to_csv(tmp_path / "train.csv", index=False)
    pd.concat([customers(20, seed=1, gaps=0.1), strange()]).to_csv(
        tmp_path / "new.csv", index=False
    )
    model, out = tmp_path / "d.skood", tmp_path / "out.csv"
    common = ["--quiet", "--missing", "expected"]
    fit = ["fit", "--train", tmp_path / "train.csv", "--save", model, "--alpha", "none", *common]
    assert main([*map(str, fit)]) == 0
    score = ["score", model, "--new", tmp_path / "new.csv", "--output", out, "--quiet"]
    assert main([*map(str, score)]) == 0
    scores = pd.read_csv(out)["score"].to_numpy()
    assert auroc(np.repeat([1, -1], [20, 12]), scores) > 0.9
    same = load(model).score_samples(pd.read_csv(tmp_path / "new.csv"))
    np.testing.assert_allclose(scores, same, rtol=1e-6)


def test_an_array_may_number_its_rows_without_a_warning():
    X = np.column_stack([np.arange(300.0), np.tile([0.0, 1.0, 2.0], 100)])
    for scaler in (TableScaler(), TableScaler(scale="both"), TableScaler(categorical=[1])):
        assert np.isfinite(scaler.fit(X).transform(X + np.array([300.0, 0.0]))).all()
    reasons = [column.reason for column in scaler.schema_]
    assert reasons == ["kept by an option", "named as categories"]
