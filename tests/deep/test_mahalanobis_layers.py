"""MahalanobisLayerScorer: its confidences, the step towards the nearest class, the weights."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402

from skood import LayerEnsemble, MahalanobisOutlierDetector  # noqa: E402
from skood.deep import MahalanobisLayerScorer, TorchFeatureTransformer  # noqa: E402
from skood.measures import left_out_mahalanobis_distance, whitening_matrix  # noqa: E402
from skood.metrics import auroc  # noqa: E402

from ..detectors import Squares  # noqa: E402
from ..torch_nets import images, lenet, seeded  # noqa: E402

LAYERS = ["0", "2", "4"]
GROUPS = {"first": [0, 1], "last": [2, 3, 4]}


def _rows(n=90, d=5, seed=0):
    """Rows of three classes, and their labels."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.resize([2, 5, 9], n))
    centres = 3.0 * np.random.default_rng(7).normal(size=(10, d))
    return rng.normal(size=(n, d)) @ np.diag(np.arange(1.0, d + 1)) + centres[y], y


def _confidence(X, y, Q):
    """Minus the smallest squared distance, with the plain covariance about the class means."""
    classes = np.unique(y)
    means = np.stack([X[y == c].mean(axis=0) for c in classes])
    residuals = X - means[np.searchsorted(classes, y)]
    precision = np.linalg.inv(residuals.T @ residuals / len(X))
    differences = Q[:, np.newaxis] - means
    return -np.einsum("qci,ij,qcj->qc", differences, precision, differences).min(axis=1)


def _net():
    return seeded(
        lambda: nn.Sequential(
            nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3)
        ).double()
    )


def _scorer(net, **params):
    features = TorchFeatureTransformer(net, LAYERS, device="cpu", dtype="float64")
    return MahalanobisLayerScorer(features, **{"covariance": "empirical", **params})


def _by_layer(net, X):
    """The features of each layer, by the modules themselves."""
    with torch.no_grad():
        first = net[0](torch.from_numpy(X))
        second = net[2](torch.tanh(first))
        return [f.numpy() for f in (first, second, net[4](torch.tanh(second)))]


def test_confidences_equal_a_plain_rewrite():
    (X, y), (Q, _) = _rows(), _rows(20, seed=1)
    scorer = MahalanobisLayerScorer(groups=GROUPS, covariance="empirical").fit(X, y)
    expected = [_confidence(X[:, columns], y, Q[:, columns]) for columns in GROUPS.values()]
    np.testing.assert_allclose(scorer.layer_scores(Q), np.transpose(expected), rtol=1e-9)
    # each training row from the means and covariance of the others
    for row in (0, 17, 80):
        others = np.delete(np.arange(90), row)
        expected = [
            _confidence(X[others][:, columns], y[others], X[[row]][:, columns])[0]
            for columns in GROUPS.values()
        ]
        np.testing.assert_allclose(scorer.layer_scores(X[[row]])[0], expected, rtol=1e-9)


def test_scores_add_up_the_standardised_logarithms():
    (X, y), (Q, _) = _rows(), _rows(20, seed=1)
    scorer = MahalanobisLayerScorer(groups=GROUPS).fit(X, y)
    total = np.zeros(20)
    training = -scorer.layer_scores(X)
    for known, new in zip(training.T, -scorer.layer_scores(Q).T, strict=True):
        epsilon = 1e-3 * np.median(known)
        values = -np.log(known + epsilon)
        total += (-np.log(new + epsilon) - values.mean()) / values.std()
    np.testing.assert_allclose(scorer.score_samples(Q), total, rtol=1e-9)
    np.testing.assert_allclose(scorer.score_samples(X), scorer.training_scores_, rtol=1e-9)
    # but for the epsilon, a LayerEnsemble of distances that are not squared
    ensemble = LayerEnsemble(MahalanobisOutlierDetector(), groups=GROUPS).fit(X, y)
    assert np.corrcoef(ensemble.score_samples(Q), scorer.score_samples(Q))[0, 1] > 0.9999


def test_without_labels_all_rows_are_one_class():
    X, _ = _rows()
    scorer = MahalanobisLayerScorer(covariance="empirical").fit(X)
    expected = _confidence(X, np.zeros(90), X + 1.0)
    np.testing.assert_allclose(scorer.layer_scores(X + 1.0)[:, 0], expected, rtol=1e-9)
    assert not hasattr(scorer, "classes_")


def test_three_points_by_hand():
    # mean 0, variance 8 / 3; without the row 2 the mean is -1 and the variance 1
    scorer = MahalanobisLayerScorer(covariance="empirical").fit([[-2.0], [0.0], [2.0]])
    np.testing.assert_allclose(scorer.layer_scores([[4.0], [2.0]]), [[-6.0], [-9.0]])


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_distance_of_other_points_with_a_row_left_out(shrinkage):
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(30, 3)), np.arange(30) % 2
    points = X + rng.normal(size=(30, 3))

    def estimates(rows, classes):
        means = np.stack([rows[classes == c].mean(axis=0) for c in (0, 1)])
        residuals = rows - means[classes]
        moments = residuals.T @ residuals / len(rows)
        shrunk = (1 - shrinkage) * moments + shrinkage * np.trace(moments) / 3 * np.eye(3)
        return means, whitening_matrix(shrunk)

    means, whitening = estimates(X, codes)
    counts = np.bincount(codes)
    distances = left_out_mahalanobis_distance(
        X, codes, means, whitening, counts, shrinkage=shrinkage, at=points
    )
    for i in range(30):
        others = np.delete(np.arange(30), i)
        means, whitening = estimates(X[others], codes[others])
        expected = np.linalg.norm((points[i] - means) @ whitening, axis=1)
        np.testing.assert_allclose(distances[i], expected, rtol=1e-9)
    means, whitening = estimates(X, codes)
    options = {"shrinkage": shrinkage}
    np.testing.assert_allclose(
        left_out_mahalanobis_distance(X, codes, means, whitening, counts, at=X, **options),
        left_out_mahalanobis_distance(X, codes, means, whitening, counts, **options),
        rtol=1e-9,
    )


def test_the_step_follows_finite_differences_in_each_layer():
    net, epsilon = _net(), 0.05
    (X, y), (Q, _) = _rows(), _rows(12, seed=1)
    plain = _scorer(net).fit(X, y)
    confidences = _scorer(net, perturbation=epsilon).fit(X, y).layer_scores(Q)
    steps = 1e-5 * np.eye(5)
    for layer in range(3):
        slopes = [
            plain.layer_scores(Q + step)[:, layer] - plain.layer_scores(Q - step)[:, layer]
            for step in steps
        ]
        moved = Q + epsilon * np.sign(np.column_stack(slopes))
        np.testing.assert_allclose(
            confidences[:, layer], plain.layer_scores(moved)[:, layer], rtol=1e-9
        )
    # another step in each layer, or the test would not tell them apart
    assert not np.allclose(confidences, plain.layer_scores(moved))


def test_a_step_of_zero_is_none_and_a_small_one_raises_the_confidence():
    net = _net()
    (X, y), (Q, _) = _rows(), _rows(30, seed=1)
    plain = _scorer(net).fit(X, y)
    zero = _scorer(net, perturbation=0).fit(X, y)
    by_hand = np.hstack(_by_layer(net, np.concatenate([Q, np.zeros((34, 5))])))[:30]
    assert np.array_equal(zero.score_samples(Q), plain.score_samples(Q))
    features = plain.feature_extractor_.transform(X)
    given = MahalanobisLayerScorer(groups=[4, 4, 3], covariance="empirical").fit(features, y)
    np.testing.assert_allclose(given.layer_scores(by_hand), zero.layer_scores(Q), rtol=1e-9)
    small = _scorer(net, perturbation=1e-4).fit(X, y)
    assert (small.layer_scores(Q) > plain.layer_scores(Q)).all()


def test_training_rows_are_left_out_where_they_are_moved_to():
    net, epsilon = _net(), 0.05
    X, y = _rows(40)
    plain = _scorer(net).fit(X, y)
    scorer = _scorer(net, perturbation=epsilon).fit(X, y)
    confidences = scorer.layer_scores(X)
    np.testing.assert_allclose(scorer.score_samples(X), scorer.training_scores_, rtol=1e-9)
    for row in (0, 11, 39):
        others = np.delete(np.arange(40), row)
        for layer, values in enumerate(_by_layer(net, X)):
            slopes = []
            for step in 1e-5 * np.eye(5):
                # the step goes by the estimates of all rows
                both = [_by_layer(net, X[[row]] + s)[layer] for s in (step, -step)]
                up, down = (_confidence(values, y, features)[0] for features in both)
                slopes.append(up - down)
            moved = _by_layer(net, X[[row]] + epsilon * np.sign(slopes))[layer]
            expected = _confidence(values[others], y[others], moved)[0]
            np.testing.assert_allclose(confidences[row, layer], expected, rtol=1e-8)
    # new rows that equal none are not: then it would be the same as with all rows
    near = X[:5] + 1e-12
    assert not np.allclose(scorer.layer_scores(near), confidences[:5], rtol=1e-3)
    assert plain.layer_scores(X).shape == confidences.shape


def test_the_step_with_an_extractor_of_arrays():
    X, y = _rows(60, 3)
    X = X / 10
    scorer = MahalanobisLayerScorer(Squares(), perturbation=1e-3, groups=[3, 3]).fit(X, y)
    plain = MahalanobisLayerScorer(Squares(), groups=[3, 3]).fit(X, y)
    assert (scorer.layer_scores(X + 0.01) > plain.layer_scores(X + 0.01)).all()


def test_logistic_weighs_layers_and_leaves_the_other_rows_out():
    (X, y), (Z, _) = _rows(), _rows(40, seed=1)
    Z[:, :2] += 12.0  # seen by the first layer alone
    both, labels = np.vstack([X, Z]), np.append(y, np.full(40, -1))
    scorer = MahalanobisLayerScorer(groups=GROUPS, combine="logistic").fit(both, labels)
    alone = MahalanobisLayerScorer(groups=GROUPS).fit(X, y)
    np.testing.assert_allclose(scorer.layer_scores(both), alone.layer_scores(both), rtol=1e-12)
    assert scorer.coef_[0] > 5 * abs(scorer.coef_[1])
    np.testing.assert_array_equal(scorer.training_indices_, np.arange(90))
    np.testing.assert_array_equal(scorer.classes_, [-1, 2, 5, 9])
    np.testing.assert_array_equal(alone.classes_, [2, 5, 9])
    np.testing.assert_allclose(scorer.score_samples(X), scorer.training_scores_, rtol=1e-9)
    assert (np.sign(scorer.score_samples(both)) == np.where(labels == -1, -1, 1)).mean() > 0.9
    # +1 for all in-distribution rows: one class
    one = clone(scorer).fit(both, np.where(labels == -1, -1, 1))
    assert {len(d.location_) for d in one.detectors_.values()} == {1}
    assert {len(d.location_) for d in scorer.detectors_.values()} == {3}


@pytest.mark.parametrize(
    ("y", "got"),
    [
        (None, "None"),
        (np.zeros(90, dtype=int), "90 of these and 0 of -1"),
        (np.append(np.zeros(89, dtype=int), -1), "89 of these and 1 of -1"),
        (np.append([3], np.full(89, -1)), "1 of these and 89 of -1"),
        (np.linspace(-1, 1, 90), r"the labels -1\.0, "),
        (np.resize(["a", "b"], 90), "the labels 'a', 'b'"),
    ],
)
def test_logistic_needs_rows_labelled_minus_one(y, got):
    message = (
        r"combine='logistic' of MahalanobisLayerScorer needs labels in y: class labels \(whole "
        rf"numbers\) for .*, -1 for out-of-distribution rows, at least 2 of each. Got {got}"
    )
    with pytest.raises(ValueError, match=message):
        MahalanobisLayerScorer(combine="logistic").fit(_rows()[0], y)


@pytest.mark.parametrize("extractor", [None, PCA(2)])
def test_a_step_needs_gradients(extractor):
    message = r"'perturbation' parameter of MahalanobisLayerScorer must be 0 unless .*gradient\(X"
    with pytest.raises(ValueError, match=message):
        MahalanobisLayerScorer(extractor, perturbation=0.1).fit(_rows()[0])


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("perturbation", -0.1, r"a float in \[0, inf\)"),
        ("perturbation", "small", r"a float in \[0, inf\)"),
        ("combine", "profile", "one of 'sum', 'logistic'"),
        ("covariance", "tied", "one of 'ledoit_wolf', 'empirical', 'oas', 'mincovdet'"),
        ("feature_extractor", "penultimate", "a transformer or None"),
        ("groups", [3, 3], "widths of at least 1 that sum to the 5 columns"),
    ],
)
def test_bad_parameters(name, value, allowed):
    message = rf"'{name}' parameter of MahalanobisLayerScorer must be {allowed}. Got"
    with pytest.raises(ValueError, match=message):
        MahalanobisLayerScorer(**{name: value}).fit(_rows()[0])


def test_images_tensors_blocks_and_copies(monkeypatch):
    net = lenet()
    X, Q = images(80), images(30, seed=1)
    features = TorchFeatureTransformer(net, ["conv1", "relu3"], batch_size=8, device="cpu")
    y = np.arange(80) % 2
    scorer = MahalanobisLayerScorer(features, perturbation=0.01, random_state=0).fit(X, y)
    assert scorer.layer_names_ == ["conv1", "relu3"]
    expected = scorer.score_samples(Q)
    np.testing.assert_array_equal(scorer.score_samples(torch.from_numpy(Q)), expected)
    parts = [scorer.score_samples(part) for part in np.split(Q, [1, 9])]
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-9)
    monkeypatch.setattr("skood.layers.extractor._BLOCK_VALUES", 8 * 144)
    np.testing.assert_allclose(scorer.score_samples(Q), expected, rtol=1e-9)
    cloned = clone(scorer)
    assert cloned.feature_extractor.module is net
    for other in (cloned.fit(X, y), copy.deepcopy(scorer), pickle.loads(pickle.dumps(scorer))):  # noqa: S301
        np.testing.assert_allclose(other.score_samples(Q), expected, rtol=1e-9)
    assert net.training  # as it was
    assert all(weight.grad is None for weight in net.parameters())


def test_whole_numbers_and_frames_can_be_moved():
    net = _net()
    X, y = _rows()
    frame = pd.DataFrame(X, columns=list("abcde"))
    by_frame = _scorer(net, perturbation=0.05).fit(frame, y)
    by_array = _scorer(net, perturbation=0.05).fit(X, y)
    np.testing.assert_array_equal(by_frame.score_samples(frame), by_array.score_samples(X))
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        by_frame.score_samples(frame[list("bacde")])
    whole = np.round(X).astype(np.int16)
    np.testing.assert_allclose(
        _scorer(net, perturbation=0.05).fit(whole, y).score_samples(whole),
        _scorer(net, perturbation=0.05).fit(whole.astype(float), y).score_samples(whole * 1.0),
        rtol=1e-6,
    )


@pytest.fixture(scope="module")
def digits():
    """A small net that knows the digits 0 to 7, and test rows of which 8 and 9 are unknown."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16.0).astype(np.float32)
    known = y < 8
    X_train, X_test, y_train, _ = train_test_split(X[known], y[known], random_state=0)
    net = seeded(
        lambda: nn.Sequential(
            nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 8)
        )
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    rows, labels = torch.from_numpy(X_train), torch.from_numpy(y_train)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(rows), labels).backward()
        optimiser.step()
    Q = np.vstack([X_test, X[~known]])
    return net, X_train, y_train, Q, np.repeat([1, -1], [len(X_test), int((~known).sum())])


@pytest.mark.parametrize("perturbation", [0.0, 0.005])
@pytest.mark.parametrize("combine", ["sum", "logistic"])
def test_unknown_digits_score_lower(combine, perturbation, digits):
    net, X, y, Q, truth = digits
    features = TorchFeatureTransformer(net, ["1", "3", "4"], device="cpu", batch_size=256)
    scorer = MahalanobisLayerScorer(features, perturbation=perturbation, combine=combine)
    if combine == "logistic":  # half of the unknown rows train, the others are scored
        strange = np.flatnonzero(truth == -1)[::2]
        X, y = np.vstack([X, Q[strange]]), np.append(y, np.full(len(strange), -1))
        Q, truth = np.delete(Q, strange, axis=0), np.delete(truth, strange)
    assert auroc(truth, scorer.fit(X, y).score_samples(Q)) > 0.85
