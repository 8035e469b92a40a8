"""FSSDScorer on features and on raw inputs, against hand-computed answers and plain rewrites."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skood
from skood import FSSDScorer, LayerEnsemble
from skood.layers.inputs import RawInputs
from skood.layers.noise import draw_noise
from skood.measures import singularity_distance
from skood.rows.fingerprints import RowFingerprints

from ..detectors import Squares, rows

GROUPS = {"first": [0, 2], "last": slice(1, 4)}
STAR = np.array([0.5, -1.0, 2.0, 0.0])


def test_distances_of_three_points_by_hand():
    X = np.array([[3.0, 4.0], [0.0, 1.0], [6.0, 8.0]])
    scorer = FSSDScorer(singularity=[0.0, 0.0], n_neighbors=1).fit(X)
    np.testing.assert_allclose(scorer.layer_scores(X)[:, 0], [5.0, 1.0, 10.0], rtol=1e-15)
    # the nearest other logarithm: of 10, of 5, of 5
    by_hand = -np.log([2.0, 5.0, 2.0])
    np.testing.assert_allclose(scorer.training_scores_, by_hand, rtol=1e-14)
    np.testing.assert_allclose(scorer.score_samples(X), by_hand, rtol=1e-14)
    # new rows at distance 2, 5 and 20: the nearest are at 1, 5 and 10
    new = scorer.score_samples([[0.0, 2.0], [4.0, 3.0], [12.0, 16.0]])
    np.testing.assert_allclose(new, [-math.log(2), 0.0, -math.log(2)], rtol=1e-14)


def test_weighed_sum_of_three_points_by_hand():
    X = np.array([[3.0, 4.0, 1.0], [0.0, 1.0, 5.0], [6.0, 8.0, -2.0]])
    weighed = {"singularity": [0.0, 0.0, 1.0], "groups": [2, 1], "combine": "sum"}
    scorer = FSSDScorer(weights=[1.0, 0.5], **weighed).fit(X)
    np.testing.assert_allclose(scorer.layer_scores(X), [[5, 0], [1, 4], [10, 3]], rtol=1e-15)
    np.testing.assert_allclose(scorer.score_samples(X), [5.0, 3.0, 11.5], rtol=1e-15)
    equal = FSSDScorer(**weighed).fit(X).training_scores_
    first = np.array([5, 1, 10]) - 16 / 3
    last = np.array([0, 4, 3]) - 7 / 3
    expected = first / math.sqrt((first**2).mean()) + last / math.sqrt((last**2).mean())
    np.testing.assert_allclose(equal, expected, rtol=1e-12)


def _distances(X):
    """Distances of rows from STAR in both groups, one row and value at a time."""
    return np.array(
        [
            [math.dist(row[columns], STAR[columns]) for columns in ([0, 2], [1, 2, 3])]
            for row in np.asarray(X, dtype=np.float64)
        ]
    )


def test_profile_equals_a_plain_rewrite():
    X, Q = rows(80), rows(20, seed=1)
    scorer = FSSDScorer(singularity=STAR, groups=GROUPS).fit(X)
    training, new = np.log(_distances(X)), np.log(_distances(np.vstack([Q, X[:5]])))
    expected = []
    for i, row in enumerate(new):
        others = np.delete(training, i - 20, axis=0) if i >= 20 else training
        expected.append(-np.mean(sorted(math.dist(row, other) for other in others)[:10]))
    assert scorer.layer_names_ == ["first", "last"]
    np.testing.assert_allclose(scorer.score_samples(np.vstack([Q, X[:5]])), expected, rtol=1e-10)
    np.testing.assert_allclose(scorer.training_scores_[:5], expected[20:], rtol=1e-10)


@pytest.mark.parametrize("combine", ["sum", "logistic"])
def test_weights_equal_a_plain_rewrite(combine):
    inside, outside, Q = rows(80), rows(30, seed=2) * 3 + 4, rows(20, seed=1)
    X, y = np.vstack([outside, inside]), np.repeat([-1, 1], [30, 80])
    scorer = FSSDScorer(singularity=STAR, groups=GROUPS, combine=combine)
    scorer.fit(*((X, y) if combine == "logistic" else (inside,)))
    training = _distances(inside)
    mean, deviation = training.mean(axis=0), training.std(axis=0)
    standardised = (_distances(Q) - mean) / deviation
    expected = standardised.sum(axis=1)
    if combine == "logistic":
        model = LogisticRegression(class_weight="balanced", max_iter=1000)
        labels = np.repeat([1, -1], [80, 30])
        all_of_them = np.vstack([training, _distances(outside)])
        model.fit((all_of_them - mean) / deviation, labels)
        expected = model.decision_function(standardised)
        np.testing.assert_array_equal(scorer.training_indices_, np.arange(30, 110))
        np.testing.assert_array_equal(scorer.classes_, [-1, 1])
    scores = scorer.score_samples(Q)
    np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        scorer.layer_scores(Q) @ scorer.coef_ + scorer.intercept_, scores, rtol=1e-9
    )


def test_outside_rows_teach_nothing_but_the_weights():
    inside, outside = rows(60), rows(20, seed=2) * 100
    X, y = np.vstack([inside, outside]), np.repeat([1, -1], [60, 20])
    extractor = make_pipeline(StandardScaler(), PCA(3))
    labelled = FSSDScorer(extractor, combine="logistic", random_state=0).fit(X, y)
    alone = FSSDScorer(extractor, combine="sum", random_state=0).fit(inside)
    np.testing.assert_array_equal(labelled.singularity_, alone.singularity_)
    np.testing.assert_array_equal(labelled.layer_scores(X), alone.layer_scores(X))


@given(data=st.data())
def test_the_measure_equals_a_plain_distance(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    unit = 10.0 ** data.draw(st.integers(-150, 150))
    features, star = rng.normal(size=(5, 3)) * unit, rng.normal(size=3) * unit
    expected = [math.dist(row, star) for row in features]
    np.testing.assert_allclose(singularity_distance(features, star), expected, rtol=1e-12)
    assert singularity_distance(star[np.newaxis], star) == [0.0]


@pytest.mark.parametrize("star", [[0.0, 0.0], 0.0, [[0.0] * 4]])
def test_the_measure_refuses_other_shapes(star):
    with pytest.raises(ValueError, match=r"'singularity' parameter of .* shape \(4,\).* Got an"):
        singularity_distance(rows(3), star)


# --- noise


def test_noise_of_columns_is_in_the_range_of_each():
    X = rows() * [1.0, 10.0, 0.1, 1e6]
    scorer = FSSDScorer(n_noise=20_000, random_state=0).fit(X)
    middle, span = (X.min(axis=0) + X.max(axis=0)) / 2, np.ptp(X, axis=0)
    assert (np.abs(scorer.singularity_ - middle) / span).max() < 0.01
    gaussian = clone(scorer).set_params(noise="gaussian").fit(X)
    assert (np.abs(gaussian.singularity_ - X.mean(axis=0)) / X.std(axis=0)).max() < 0.05
    asked = clone(scorer).set_params(noise_range=(-1.0, 3.0)).fit(X)
    np.testing.assert_allclose(asked.singularity_, 1.0, atol=0.05)


class Pooled(TransformerMixin, BaseEstimator):
    """Mean and largest value over all but the first two axes."""

    def fit(self, X, y=None):  # noqa: ARG002
        self.fitted_ = True
        return self

    def transform(self, X):
        values = np.asarray(X, dtype=np.float64).reshape(len(X), np.shape(X)[1], -1)
        return np.hstack([values.mean(axis=2), values.max(axis=2)])


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4), (1, 2, 2, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64, bool])
@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_noise_has_the_shape_and_kind_of_any_input(shape, dtype, noise):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 9, size=(30, *shape)).astype(dtype)
    seen = []

    def features(values):
        seen.append(values)
        return np.asarray(values, dtype=np.float64).reshape(len(values), -1)[:, :2]

    extractor = FunctionTransformer(features)
    scorer = FSSDScorer(extractor, noise=noise, n_noise=50, random_state=0).fit(X)
    (made,) = (values for values in seen if len(values) == 50)
    assert made.shape == (50, *shape)
    assert made.dtype == (dtype if np.dtype(dtype).kind in "biu" else np.float64)
    assert made.std() > 0
    if noise == "uniform" or np.dtype(dtype).kind in "biu":
        assert X.min() <= made.min() <= made.max() <= X.max()
    np.testing.assert_allclose(scorer.singularity_, features(made).mean(axis=0), rtol=1e-12)


def test_a_range_with_fractions_makes_fractions_of_pixels():
    X = np.random.default_rng(0).integers(0, 256, size=(30, 1, 4, 4), dtype=np.uint8)
    for bounds, kind in (((-0.5, 0.5), "f"), ((0, 300), "u"), ((-3, 3), "i")):
        scorer = FSSDScorer(Pooled(), noise_range=bounds, n_noise=40, random_state=0).fit(X)
        made = draw_noise(RawInputs(X), "uniform", bounds, 40, 0).values
        assert made.dtype.kind == kind
        assert bounds[0] <= made.min() < made.max() <= bounds[1]
        expected = Pooled().transform(made).mean(axis=0)
        np.testing.assert_allclose(scorer.singularity_, expected, rtol=1e-12)


def test_one_seed_one_singularity():
    X = rows(30, 6).reshape(30, 2, 3)
    first, same, other = (FSSDScorer(Pooled(), random_state=s).fit(X) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.score_samples(X), same.score_samples(X))
    assert not np.array_equal(first.singularity_, other.singularity_)


# --- where the singularity comes from


def test_noise_features_and_their_mean_are_the_same():
    X, noise = rows(), rows(50, seed=3) * 2
    by_noise = FSSDScorer().fit(X, noise_features=noise)
    given_mean = FSSDScorer(singularity=noise.mean(axis=0)).fit(X)
    np.testing.assert_allclose(by_noise.singularity_, given_mean.singularity_, rtol=1e-14)
    np.testing.assert_allclose(by_noise.score_samples(X), given_mean.score_samples(X), rtol=1e-10)


def test_noise_features_are_routed_through_a_pipeline():
    X, noise = rows(), rows(50, seed=3) * 2
    scale = StandardScaler().fit(X)
    expected = FSSDScorer().fit(scale.transform(X), noise_features=scale.transform(noise))
    with sklearn.config_context(enable_metadata_routing=True):
        last = FSSDScorer().set_fit_request(noise_features=True)
        steps = [("scale", StandardScaler()), ("score", last)]
        features_given = Pipeline(steps).fit(X, noise_features=scale.transform(noise))
        inputs_given = Pipeline(steps, transform_input=["noise_features"]).fit(
            X, noise_features=noise
        )
    for pipeline in (features_given, inputs_given):
        np.testing.assert_allclose(
            pipeline[-1].singularity_, expected.singularity_, rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(
            pipeline.score_samples(X), expected.score_samples(scale.transform(X)), rtol=1e-9
        )


@pytest.mark.parametrize(
    "value", [np.zeros(3), np.zeros((1, 4)), 0.0, [np.nan] * 4, [np.inf] * 4, "abcd"]
)
def test_wrong_singularity(value):
    with pytest.raises(ValueError, match=r"'singularity' parameter of FSSDScorer .* shape \(4,\)"):
        FSSDScorer(singularity=value).fit(rows())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (rows(9, 3), "noise_features must have 4 columns.* Got 3 instead"),
        (np.zeros(4), "Expected 2D array"),
        (np.full((5, 4), np.nan), "noise_features contains NaN"),
        (np.empty((0, 4)), r"0 sample\(s\)"),
    ],
)
def test_wrong_noise_features(value, message):
    with pytest.raises(ValueError, match=message):
        FSSDScorer().fit(rows(), noise_features=value)


def test_the_singularity_comes_from_one_source():
    with pytest.raises(ValueError, match="must be None if fit gets 'noise_features'"):
        FSSDScorer(singularity=STAR).fit(rows(), noise_features=rows())


# --- perturbation with any extractor that has gradients


@pytest.mark.parametrize("direction", ["ascend", "descend"])
@pytest.mark.parametrize("gradient", ["sign", "standardised"])
def test_perturbed_distances_equal_a_plain_rewrite(gradient, direction):
    X, Q = rows(), rows(9, seed=1)
    layers = {"values": [0, 1, 2, 3], "squares": slice(4, 8), "mixed": [0, 5]}
    options = {"groups": layers, "gradient": gradient, "direction": direction, "random_state": 0}
    scorer = FSSDScorer(Squares(), perturbation=0.2, **options).fit(X)
    star = scorer.singularity_
    expected = []
    for columns in ([0, 1, 2, 3], [4, 5, 6, 7], [0, 5]):
        # of half the squared distance: x has slope 1, its square has 2 x
        part = (np.hstack([Q, Q**2]) - star) * np.hstack([np.ones_like(Q), 2 * Q])
        kept = np.zeros(8)
        kept[columns] = 1
        slope = (part * kept)[:, :4] + (part * kept)[:, 4:]
        move = np.sign(slope)
        if gradient == "standardised":
            move = (slope - slope.mean(axis=1)[:, None]) / slope.std(axis=1)[:, None]
        moved = Q + (0.2 if direction == "ascend" else -0.2) * move
        there = np.hstack([moved, moved**2])
        expected.append([math.dist(row[columns], star[columns]) for row in there])
    np.testing.assert_allclose(scorer.layer_scores(Q), np.transpose(expected), rtol=1e-6)
    plain = FSSDScorer(Squares(), **options).fit(X)
    assert (scorer.layer_scores(Q) != plain.layer_scores(Q)).any(axis=1).all()


def test_no_perturbation_asks_for_no_gradient():
    class NoGradient(Squares):
        def gradient(self, X, objective):  # noqa: ARG002
            raise AssertionError

    X = rows()
    zero = FSSDScorer(NoGradient(), perturbation=0.0, random_state=0).fit(X)
    never = FSSDScorer(Squares(), random_state=0).fit(X)
    np.testing.assert_array_equal(zero.score_samples(X), never.score_samples(X))


@pytest.mark.parametrize("extractor", [None, PCA(2), make_pipeline(Squares())])
def test_perturbation_needs_gradients(extractor):
    with pytest.raises(ValueError, match=r"'perturbation' parameter .* gradient\(X, objective\)"):
        FSSDScorer(extractor, perturbation=0.01).fit(rows())


# --- raw inputs


@pytest.mark.parametrize(
    ("make_frame", "perturbation"),
    [(pd.DataFrame, 0.0), (pl.DataFrame, 0.0), (pd.DataFrame, 0.1)],
    ids=["pandas", "polars", "pandas perturbed"],
)
def test_frames_go_to_the_extractor_with_their_names(make_frame, perturbation):
    X = rows()
    frame = make_frame(dict(zip("abcd", X.T, strict=True)))
    by_name = ColumnTransformer([("some", StandardScaler(), ["a", "d"])])
    extractor = Squares() if perturbation else by_name
    scorer = FSSDScorer(extractor, perturbation=perturbation, random_state=0).fit(frame)
    assert list(scorer.feature_names_in_) == list("abcd")
    assert scorer.n_features_in_ == 4
    np.testing.assert_allclose(scorer.score_samples(frame), scorer.training_scores_, rtol=1e-9)
    swapped = make_frame({name: frame[name] for name in "bacd"})
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        scorer.score_samples(swapped)


@pytest.mark.parametrize("combine", ["profile", "sum"])
def test_a_pickled_scorer_takes_in_further_frames(combine):
    frame = pd.DataFrame(rows(), columns=list("abcd"))
    extractor = ColumnTransformer([("some", StandardScaler(), ["a", "d"])])
    scorer = FSSDScorer(extractor, combine=combine, random_state=0).partial_fit(frame[:40])
    copied = pickle.loads(pickle.dumps(scorer))  # noqa: S301
    expected = scorer.partial_fit(frame[40:]).score_samples(frame)
    np.testing.assert_array_equal(copied.partial_fit(frame[40:]).score_samples(frame), expected)


@pytest.mark.parametrize("combine", ["profile", "sum", "logistic"])
def test_a_loaded_scorer_takes_in_further_inputs(combine, tmp_path):
    pytest.importorskip("skops", reason="the extra 'io' is not installed")
    X, y = rows(), np.where(np.arange(60) % 3 == 0, -1, 1) if combine == "logistic" else None
    first, rest = (None, None) if y is None else (y[:40], y[40:])
    scorer = FSSDScorer(combine=combine, random_state=0).partial_fit(X[:40], first)
    skood.save(scorer, tmp_path / "scorer.skood")
    loaded = skood.load(tmp_path / "scorer.skood")
    expected = scorer.partial_fit(X[40:], rest).score_samples(X)
    np.testing.assert_array_equal(loaded.partial_fit(X[40:], rest).score_samples(X), expected)


def test_training_inputs_are_known_again_in_any_batch_and_type():
    X = np.random.default_rng(0).integers(0, 256, size=(40, 2, 5), dtype=np.uint8)
    scorer = FSSDScorer(Pooled(), random_state=0).fit(X)
    for part in (slice(None), [7], [3, 39, 8]):
        expected = scorer.training_scores_[part]
        np.testing.assert_allclose(scorer.score_samples(X[part]), expected, rtol=1e-9)
        as_floats = scorer.score_samples(X[part].astype(np.float64))
        np.testing.assert_allclose(as_floats, expected, rtol=1e-9)
    # cut to whole numbers it would be a training input: it is none
    nearly = X[:1] + 1e-9
    distances = np.log(scorer.layer_scores(X)[:, 0])
    by_hand = -np.sort(np.abs(distances - np.log(scorer.layer_scores(nearly)[0])))[:10].mean()
    np.testing.assert_allclose(scorer.score_samples(nearly), by_hand, rtol=1e-6)


def test_blocks_and_batches_give_the_same(monkeypatch):
    X, Q = rows(60), rows(200, seed=1)
    scorer = FSSDScorer(Squares(), perturbation=0.1, random_state=0).fit(X)
    whole = scorer.score_samples(Q)
    monkeypatch.setattr("skood.layers.extractor._BLOCK_VALUES", 100)
    monkeypatch.setattr("skood.layers._layer_profile._BLOCK_VALUES", 30)
    np.testing.assert_allclose(scorer.score_samples(Q), whole, rtol=1e-9)


def test_blocks_hold_whole_batches_of_the_extractor():
    class Batched(Squares):
        def __init__(self, batch_size=7):
            self.batch_size = batch_size

        def transform(self, X):
            sizes.append(len(X))
            return super().transform(X)

    sizes: list[int] = []
    scorer = FSSDScorer(Batched(7), random_state=0).fit(rows())
    sizes.clear()
    scorer.score_samples(rows(200_000, seed=1))
    assert len(sizes) > 1
    assert all(size % 7 == 0 for size in sizes[:-1])


@pytest.mark.parametrize("value", [iter([1, 2]), {"a": 1}, object()])
def test_inputs_that_are_no_array(value):
    with pytest.raises(ValueError, match="must be an array, a tensor or a frame for FSSDScorer"):
        FSSDScorer(Pooled()).fit(value)


def test_bad_raw_inputs():
    with pytest.raises(ValueError, match=r"1 sample\(s\).*minimum of 2"):
        FSSDScorer(Pooled()).fit(np.zeros((1, 2, 3)))
    X = rows(30, 6).reshape(30, 2, 3)
    X[3, 1, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        FSSDScorer(Pooled()).fit(X)
    with pytest.raises(ValueError, match="contains NaN or infinity: no noise"):
        FSSDScorer(FunctionTransformer(lambda A: np.nan_to_num(A).reshape(len(A), -1))).fit(X)
    scorer = FSSDScorer(Pooled()).fit(np.nan_to_num(X))
    with pytest.raises(ValueError, match="gives 8 features, but the singularity has 4"):
        scorer.score_samples(np.zeros((5, 4, 3)))


# --- layers, labels and other parameters


def test_layers_by_the_names_of_columns_and_of_the_extractor():
    frame = pd.DataFrame(rows(), columns=["a__0", "a__1", "b__0", "b__1"])
    scorer = FSSDScorer(random_state=0).fit(frame)
    assert scorer.layer_names_ == ["a", "b"]
    np.testing.assert_array_equal(scorer.layer_columns_["b"], [2, 3])
    assert scorer.layer_scores(frame).shape == (60, 2)
    assert FSSDScorer(PCA(2), groups=[1, 1]).fit(rows()).layer_names_ == ["layer0", "layer1"]


def test_the_score_of_a_profile_is_a_distance_to_ensembles():
    X, Q = rows(80), rows(9, seed=1)
    profile = FSSDScorer(singularity=STAR[:2])
    ensemble = LayerEnsemble(profile, groups=[2, 2]).fit(X)
    alone = clone(profile).fit(X[:, :2])
    distance, new = -alone.training_scores_, -alone.score_samples(Q[:, :2])
    epsilon = 1e-3 * np.median(distance)
    values = -np.log(distance + epsilon)
    expected = (-np.log(new + epsilon) - values.mean()) / values.std()
    np.testing.assert_allclose(ensemble.layer_scores(Q)[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "Got None instead"),
        (np.ones(60), "Got 60 of \\+1 and 0 of -1 instead"),
        (np.r_[-1, np.ones(59)], "Got 59 of \\+1 and 1 of -1 instead"),
        (np.arange(60) % 2, "Got the labels 0, 1 instead"),
    ],
)
def test_logistic_needs_labels(y, message):
    with pytest.raises(ValueError, match=f"combine='logistic' of FSSDScorer needs .*{message}"):
        FSSDScorer(combine="logistic").fit(rows(), y)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("feature_extractor", PCA, "a transformer or None"),
        ("feature_extractor", 3, "a transformer or None"),
        ("noise", "salt", "one of 'uniform', 'gaussian'"),
        ("noise_range", (1.0, 0.0), "low <= high"),
        ("noise_range", (0.0, np.inf), "two finite numbers"),
        ("noise_range", "all", "'auto' or"),
        ("noise_range", (0.0,), "'auto' or"),
        ("n_noise", 0, r"an int in \[1, inf\)"),
        ("perturbation", -0.1, r"a float in \[0, inf\)"),
        ("perturbation", np.nan, r"a float in \[0, inf\)"),
        ("gradient", "raw", "one of 'sign', 'standardised'"),
        ("direction", "down", "one of 'ascend', 'descend'"),
        ("combine", "mean", "one of 'profile', 'sum', 'logistic'"),
        ("weights", [1.0], "None unless combine='sum'"),
        ("n_neighbors", 0, r"an int in \[1, inf\)"),
        ("groups", [3, 3], "sum to the 4 columns"),
    ],
)
def test_wrong_parameters(name, value, message):
    with pytest.raises(ValueError, match=f"'{name}' parameter of FSSDScorer must be .*{message}"):
        FSSDScorer(**{name: value}).fit(rows())


def test_parameters_that_do_not_go_together():
    with pytest.raises(ValueError, match=r"'noise_range' .* must be 'auto' unless noise='uniform'"):
        FSSDScorer(noise="gaussian", noise_range=(0.0, 1.0)).fit(rows())
    for weights in ([1.0, 2.0], [np.nan], "heavy"):
        with pytest.raises(ValueError, match=r"'weights' parameter .* shape \(1,\)"):
            FSSDScorer(combine="sum", weights=weights).fit(rows())


def test_few_rows_warn_once():
    with pytest.warns(UserWarning, match=r"n_neighbors=10 of FSSDScorer .* 6 other") as record:
        scorer = FSSDScorer(random_state=0).fit(rows(7))
    assert len(record) == 1
    assert scorer.n_neighbors_ == 6
    FSSDScorer(combine="sum").fit(rows(7))  # has no neighbours


def test_a_refit_forgets_the_last_one():
    X, y = rows(), np.resize([1, 1, -1], 60)
    scorer = FSSDScorer(PCA(2), combine="logistic", random_state=0).fit(X, y)
    scorer.set_params(combine="profile", feature_extractor=None).fit(X)
    fresh = FSSDScorer(random_state=0).fit(X)
    assert set(vars(scorer)) == set(vars(fresh))
    np.testing.assert_array_equal(scorer.score_samples(X), fresh.score_samples(X))


def test_wide_rows_are_known_by_all_their_columns():
    X = np.random.default_rng(0).integers(0, 3, size=(40, 500)).astype(np.float32)
    fingerprints = RowFingerprints(X)
    np.testing.assert_array_equal(fingerprints.find(X[::-1]), np.arange(40)[::-1])
    for column in (0, 1, 6, 7, 498, 499):  # every seventh is looked at first
        Q = X.copy()
        Q[::2, column] += 1
        expected = np.where(np.arange(40) % 2, np.arange(40), -1)
        np.testing.assert_array_equal(fingerprints.find(Q), expected)
