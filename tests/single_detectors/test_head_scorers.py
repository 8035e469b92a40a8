"""Scorers of penultimate features and the layer after them, against answers found otherwise."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skood import (
    ASHTransformer,
    FDBDScorer,
    KNNOutlierDetector,
    MahalanobisOutlierDetector,
    NCIScorer,
    NNGuideScorer,
    OutlierEnsemble,
    ReActTransformer,
    ResidualScorer,
    SCALETransformer,
    SHEScorer,
    ViMScorer,
)
from skood.metrics import auroc

SCORERS = [ViMScorer, FDBDScorer, NNGuideScorer, SHEScorer, ResidualScorer, NCIScorer]
scorers = pytest.mark.parametrize("make", SCORERS)


def _features(n=90, d=5, seed=0, shift=0.0):
    """Features of three classes, as after a ReLU, and their labels."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.resize(np.arange(3), n))
    X = rng.normal(size=(n, d)) + 4.0 * np.eye(3, d)[y] + shift
    return np.maximum(X, 0.0), y


def _head(d=5, n_classes=3, seed=3):
    rng = np.random.default_rng(seed)
    return 2.0 * np.eye(n_classes, d) + 0.2 * rng.normal(size=(n_classes, d)), rng.normal(
        size=n_classes
    )


def _vim(X, Q, weight, bias, D):
    origin = -np.linalg.pinv(weight) @ bias
    centred = X - origin
    values, vectors = np.linalg.eig(centred.T @ centred)
    principal = vectors[:, np.argsort(values)[::-1][:D]]

    def residual(rows):
        rows = rows - origin
        return np.linalg.norm(rows - rows @ principal @ principal.T, axis=1)

    alpha = (X @ weight.T + bias).max(axis=1).mean() / residual(X).mean()
    return logsumexp(Q @ weight.T + bias, axis=1) - alpha * residual(Q)


def _fdbd(X, Q, weight, bias):
    scores, mean = [], X.mean(axis=0)
    for z in Q:
        logits = weight @ z + bias
        f = int(np.argmax(logits))
        others = [c for c in range(len(weight)) if c != f]
        distances = [
            abs((weight[f] - weight[c]) @ z + bias[f] - bias[c])
            / np.linalg.norm(weight[f] - weight[c])
            for c in others
        ]
        scores.append(np.mean(distances) / np.linalg.norm(z - mean))
    return np.array(scores)


def _nnguide(X, Q, weight, bias, k):
    energy = [np.log(np.sum(np.exp(weight @ x + bias))) for x in X]
    scores = []
    for z in Q:
        products = [
            s * (x @ z) / np.linalg.norm(x) / np.linalg.norm(z)
            for x, s in zip(X, energy, strict=True)
            if not np.array_equal(x, z)
        ]
        own = np.log(np.sum(np.exp(weight @ z + bias)))
        scores.append(own * np.mean(sorted(products)[-k:]))
    return np.array(scores)


def _she(X, y, Q, weight, bias):
    predicted = np.argmax(X @ weight.T + bias, axis=1)
    scores = []
    for z in Q:
        c = int(np.argmax(weight @ z + bias))
        members = (predicted == c) & (y == c) & ~(z == X).all(axis=1)
        scores.append(z @ X[members].mean(axis=0))
    return np.array(scores)


def _nci(X, Q, weight, bias, alpha=None):
    mean = X.mean(axis=0)

    def summands(rows):
        proximities = [
            (z - mean) @ weight[np.argmax(weight @ z + bias)] / np.linalg.norm(z - mean)
            for z in rows
        ]
        return np.array(proximities), np.abs(rows).sum(axis=1)

    if alpha is None:
        proximities, lengths = summands(X)
        alpha = np.std(proximities) / np.std(lengths)
    proximities, lengths = summands(Q)
    return proximities + alpha * lengths


def test_each_equals_a_plain_rewrite():
    (X, y), (Q, _) = _features(), _features(20, seed=1)
    weight, bias = _head()
    Q = np.vstack([Q, X[:5]])  # training rows are left out where they are neighbours or patterns
    for scorer, expected in (
        (ViMScorer(_head(), n_components=2), _vim(X, Q, weight, bias, 2)),
        (FDBDScorer(_head()), _fdbd(X, Q, weight, bias)),
        (NNGuideScorer(_head(), n_neighbors=4), _nnguide(X, Q, weight, bias, 4)),
        (SHEScorer(_head()), _she(X, y, Q, weight, bias)),
        (NCIScorer(_head()), _nci(X, Q, weight, bias)),
        (NCIScorer(_head(), alpha=0.01), _nci(X, Q, weight, bias, 0.01)),
    ):
        np.testing.assert_allclose(scorer.fit(X, y).score_samples(Q), expected, rtol=1e-9)


def test_three_points_by_hand():
    # About the origin 0 the rows spread along the first axis alone, so the residual is the second
    # coordinate: 1 on average over (4, 1), (4, -1), (-4, 1). The largest logits are 4, 4 and 4.
    X = np.array([[4.0, 1.0], [4.0, -1.0], [-4.0, 1.0], [-4.0, -1.0]])
    head = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros(2)
    vim = ViMScorer(head, n_components=1).fit(X)
    assert vim.scale_ == pytest.approx(4.0)
    found = vim.score_samples([[0.0, 3.0]])
    np.testing.assert_allclose(found, np.log(2) - 4.0 * 3.0)
    # The boundary is the second axis, 3 away; the mean is 0, 5 away.
    np.testing.assert_allclose(FDBDScorer(head).fit(X).score_samples([[3.0, 4.0]]), 3.0 / 5.0)
    # Patterns (4, 0) and (-4, 0): the rows (-4, 1) and (-4, -1) are of the second class.
    she = SHEScorer(head).fit(X, [0, 0, 1, 1])
    np.testing.assert_allclose(she.patterns_, [[4, 0], [-4, 0]])
    np.testing.assert_allclose(she.score_samples([[2.0, 5.0]]), 8.0)
    # (4, 1) is left out of its pattern, which is then (4, -1)
    np.testing.assert_allclose(she.score_samples(X[:1]), 15.0)
    # Without logits: the cosine with the nearest, (4, 1) and (4, -1), is 4 / sqrt(17)
    near = NNGuideScorer(n_neighbors=2).fit(X).score_samples([[7.0, 0.0]])
    np.testing.assert_allclose(near, 4 / np.sqrt(17))


def test_she_ignores_rows_that_are_wrongly_classified():
    X = np.array([[4.0, 1.0], [6.0, 1.0], [90.0, 1.0], [-4.0, 1.0], [-2.0, 1.0]])
    head = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros(2)
    scorer = SHEScorer(head).fit(X, [0, 0, 1, 1, 1])  # 90 is predicted 0, labelled 1
    np.testing.assert_allclose(scorer.patterns_, [[5, 1], [-3, 1]])


def test_she_never_predicts_a_class_without_a_pattern():
    X, y = _features()
    weight, bias = _head(n_classes=4)
    scorer = SHEScorer((weight, bias)).fit(X, y)
    assert len(scorer.patterns_) == 3
    Q = np.maximum(np.random.default_rng(5).normal(size=(20, 5)), 0)
    predicted = (Q @ weight.T + bias)[:, :3].argmax(axis=1)
    expected = np.einsum("ij,ij->i", Q, scorer.patterns_[predicted])
    np.testing.assert_allclose(scorer.score_samples(Q), expected)


@scorers
def test_all_forms_of_a_head_give_the_same(make):
    (X, y), (Q, _) = _features(), _features(20, seed=1)
    weight, bias = _head()
    classifier = LogisticRegression().fit(X, y)
    classifier.coef_, classifier.intercept_ = weight, bias
    expected = make((weight, bias)).fit(X, y).score_samples(Q)
    for head in ([weight.tolist(), bias.tolist()], classifier):
        np.testing.assert_array_equal(make(head).fit(X, y).score_samples(Q), expected)
    torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    layer = torch.nn.Linear(5, 3).double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    np.testing.assert_array_equal(make(layer).fit(X, y).score_samples(Q), expected)


@scorers
def test_a_torch_layer_without_bias(make):
    torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    X, y = _features()
    layer = torch.nn.Linear(5, 3, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(_head()[0]))
    expected = make((_head()[0], np.zeros(3))).fit(X, y).score_samples(X)
    np.testing.assert_array_equal(make(layer).fit(X, y).score_samples(X), expected)


@pytest.mark.parametrize("make", [make for make in SCORERS if make is not ResidualScorer])
def test_labels_alone_fit_a_logistic_regression(make):
    (X, y), (Q, _) = _features(), _features(20, seed=1)
    scorer = make().fit(X, np.array(["c", "a", "b"])[y])
    logits = Q @ scorer.coef_.T + scorer.intercept_
    mean, scale = X.mean(axis=0), X.std(axis=0)
    plain = LogisticRegression(max_iter=1000).fit((X - mean) / scale, y)
    expected = plain.decision_function((Q - mean) / scale)
    np.testing.assert_allclose(logits[:, [2, 0, 1]], expected, atol=1e-3)


@scorers
def test_one_logit_of_a_binary_classifier_is_shared_by_both(make):
    X, y = _features()
    y = y == 1
    classifier = RidgeClassifier().fit(X, y)
    half = np.ravel(classifier.coef_) / 2, np.ravel(classifier.intercept_)[0] / 2
    pair = np.stack([-half[0], half[0]]), np.array([-half[1], half[1]])
    np.testing.assert_allclose(
        make(classifier).fit(X, y).score_samples(X), make(pair).fit(X, y).score_samples(X)
    )


@scorers
@pytest.mark.parametrize("labelled", [False, True])
def test_training_rows_chunks_types_and_units(make, labelled):
    X, y = _features(120)
    scorer = make(random_state=0) if labelled else make(_head())
    labels = y if labelled else None
    scorer.fit(X, labels)
    np.testing.assert_allclose(scorer.score_samples(X), scorer.training_scores_, rtol=1e-9)
    Q = np.vstack([_features(40, seed=2)[0], X[:5]])
    whole = scorer.score_samples(Q)
    alone = np.concatenate([scorer.score_samples(q[np.newaxis]) for q in Q])
    np.testing.assert_allclose(alone, whole, rtol=1e-9)
    narrow = clone(scorer).fit(X.astype(np.float32), labels).score_samples(Q.astype(np.float32))
    np.testing.assert_allclose(narrow, whole, rtol=1e-4)
    if labelled and make is not SHEScorer:  # its score has the unit of X, squared
        for unit in (1e-150, 1e150):
            scaled = clone(scorer).fit(X * unit, labels).score_samples(Q * unit)
            power = {ResidualScorer: 1, NCIScorer: -1}.get(make, 0)  # the score's, of the unit
            np.testing.assert_allclose(scaled, whole * unit**power, rtol=1e-6)


@scorers
def test_clones_share_the_head_and_copies_score_the_same(make):
    X, y = _features()
    head = LogisticRegression().fit(X, y)
    scorer = make(head).fit(X, y)
    cloned = clone(scorer)
    assert cloned.head is head
    assert not hasattr(cloned, "offset_")
    for other in (cloned.fit(X, y), pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer)):  # noqa: S301
        np.testing.assert_array_equal(other.score_samples(X), scorer.score_samples(X))


@scorers
def test_refitting_without_labels_forgets_the_logits(make):
    X, y = _features()
    scorer = make(random_state=0).fit(X, y).fit(X)
    fresh = make(random_state=0).fit(X)
    assert set(vars(scorer)) == set(vars(fresh))
    np.testing.assert_array_equal(scorer.score_samples(X), fresh.score_samples(X))


def test_without_head_and_labels():
    (X, _), (Q, _) = _features(), _features(20, seed=1)
    principal = PCA(2).fit(X)
    residual = Q - principal.inverse_transform(principal.transform(Q))
    np.testing.assert_allclose(
        ViMScorer(n_components=2).fit(X).score_samples(Q), -np.linalg.norm(residual, axis=1)
    )
    np.testing.assert_allclose(SHEScorer().fit(X).score_samples(Q), Q @ X.mean(axis=0))
    np.testing.assert_allclose(NCIScorer().fit(X).score_samples(Q), np.abs(Q).sum(axis=1))
    # the boundaries of the clusters' nearest-centre classifier
    scorer = FDBDScorer(n_clusters=3, random_state=0).fit(X)
    centres = scorer.coef_ + X.mean(axis=0)
    apart = np.linalg.norm(Q[:, np.newaxis] - centres, axis=2)
    np.testing.assert_array_equal(
        (Q @ scorer.coef_.T + scorer.intercept_).argmax(axis=1), apart.argmin(axis=1)
    )
    expected = _fdbd(X, Q, scorer.coef_, scorer.intercept_)
    np.testing.assert_allclose(scorer.score_samples(Q), expected, rtol=1e-9)


def test_residual_is_the_part_of_vim_that_needs_no_logits():
    (X, y), (Q, _) = _features(), _features(20, seed=1)
    plain = ViMScorer(n_components=2).fit(X).score_samples(Q)
    # labels fit no head
    np.testing.assert_array_equal(ResidualScorer(n_components=2).fit(X, y).score_samples(Q), plain)
    vim = ViMScorer(_head(), n_components=2).fit(X)
    residual = ResidualScorer(_head(), n_components=2).fit(X)
    energy = logsumexp(Q @ _head()[0].T + _head()[1], axis=1)
    expected = energy + vim.scale_ * residual.score_samples(Q)
    np.testing.assert_allclose(vim.score_samples(Q), expected, rtol=1e-9)
    # also where the largest logits are below 0, for which ViM has no scale
    ResidualScorer((_head()[0], np.full(3, -1e3))).fit(X)


@pytest.mark.parametrize("value", [-1.0, "half", None, np.nan])
def test_bad_alpha(value):
    with pytest.raises(ValueError, match=r"'alpha' parameter of NCIScorer must be .*\[0, inf\)"):
        NCIScorer(_head(), alpha=value).fit(_features()[0])


def test_nci_of_the_mean_and_of_features_of_one_length():
    X = np.eye(5)[np.resize(np.arange(5), 40)]
    scorer = NCIScorer((np.eye(5), np.zeros(5))).fit(X)
    assert scorer.alpha_ == 0.0  # lengths that do not vary say nothing
    np.testing.assert_array_equal(scorer.score_samples(scorer.mean_[np.newaxis]), [0.0])


def test_nearest_neighbors_and_mahalanobis_distance_by_an_ensemble(digits):
    X, y, Q, truth = digits
    members = [("knn", KNNOutlierDetector()), ("md", MahalanobisOutlierDetector())]
    both = OutlierEnsemble(members, combine="sum", n_folds=3, random_state=0).fit(X, y)
    z = both.member_scores(Q)
    np.testing.assert_allclose(both.score_samples(Q), z.sum(axis=1))
    alone = [auroc(truth, z[:, j]) for j in range(2)]
    assert auroc(truth, both.score_samples(Q)) > min(alone)


def test_the_mean_row_is_far_from_boundaries_and_finite():
    X, y = _features()
    scorer = FDBDScorer(_head()).fit(X, y)
    assert scorer.training_scores_.max() < scorer.score_samples(scorer.mean_[np.newaxis])[0]
    assert np.isfinite(scorer.score_samples(scorer.mean_[np.newaxis]))[0]


def test_classes_that_share_weights_have_no_boundary():
    X, y = _features()
    weight, bias = _head()
    twice = np.vstack([weight, weight[2]]), np.append(bias, bias[2] - 1.0)
    found = FDBDScorer(twice).fit(X, y).score_samples(X)
    assert np.isfinite(found).all()
    # three classes have their distances to two others; the twin adds that of its original, or 0
    logits = X @ weight.T + bias
    first = logits.argmax(axis=1)
    again = np.take_along_axis(logits, first[:, None], 1)[:, 0] - (logits[:, 2] - 1.0)
    apart = np.linalg.norm(weight[first] - weight[2], axis=1)
    extra = np.divide(again, apart, out=np.zeros_like(again), where=apart > 0)
    mean_distance = np.linalg.norm(X - X.mean(axis=0), axis=1)
    plain = FDBDScorer(_head()).fit(X, y).score_samples(X)
    np.testing.assert_allclose(found, (2 * plain + extra / mean_distance) / 3, rtol=1e-9)


def test_as_many_neighbors_as_rows_warns_once():
    X, _ = _features(12)
    with pytest.warns(UserWarning, match=r"n_neighbors=12 of NNGuideScorer .* 11 other") as record:
        scorer = NNGuideScorer(n_neighbors=12).fit(X)
    assert len(record) == 1
    assert scorer.n_neighbors_ == 11


def test_nnguide_takes_rows_of_zeros():
    X, _ = _features()
    scores = NNGuideScorer(_head()).fit(X).score_samples(np.zeros((1, 5)))
    np.testing.assert_array_equal(scores, [0.0])


def test_nnguide_compares_all_blocks_of_many_rows():
    X, _ = _features(9000)
    Q = np.vstack([_features(7, seed=1)[0], X[[0, 5000, 8999]]])
    found = NNGuideScorer(_head(), threshold_samples=50, random_state=0).fit(X).score_samples(Q)
    np.testing.assert_allclose(found, _nnguide(X, Q, *_head(), 10), rtol=1e-9)


@scorers
@pytest.mark.parametrize(
    "head",
    [
        "softmax",
        (np.ones((3, 4)), np.ones(3)),
        (np.ones((3, 5)), np.ones(2)),
        (np.full((3, 5), np.nan), np.ones(3)),
        (["a", "b"], [1, 2]),
        LogisticRegression(),
    ],
    ids=["text", "width", "bias", "nan", "words", "not fitted"],
)
def test_bad_head(make, head):
    message = rf"'head' parameter of {make.__name__} must be None, a pair .*\(n_classes, 5\).* Got"
    with pytest.raises(ValueError, match=message):
        make(head).fit(*_features())


def test_labels_that_the_head_does_not_know():
    X, y = _features()
    with pytest.raises(
        ValueError, match=r"labels in y of SHEScorer .* has 3 classes\. Got 7, 8, 9,"
    ):
        SHEScorer(_head()).fit(X, np.resize([7, 8, 9, 10, 11, 12], 90))
    classifier = LogisticRegression().fit(X, np.array(["a", "b", "c"])[y])
    with pytest.raises(ValueError, match="must be classes of its 'head'"):
        SHEScorer(classifier).fit(X, np.array(["a", "b", "z"])[y])
    with pytest.raises(ValueError, match="Got a head that predicts none correctly"):
        SHEScorer((np.eye(3, 5), np.zeros(3))).fit(X, (X[:, :3].argmax(axis=1) + 1) % 3)


def test_a_head_whose_logits_can_not_be_matched():
    X, y = _features()
    with pytest.raises(ValueError, match=r"largest is above 0 on average .* average of -"):
        ViMScorer((_head()[0], np.full(3, -1e3))).fit(X, y)


@pytest.mark.parametrize("value", [0, 5, 1.5, "half", True])
def test_n_components(value):
    message = r"'n_components' parameter of ViMScorer must be 'auto' or an int in \[1, n_features"
    with pytest.raises(ValueError, match=message):
        ViMScorer(n_components=value).fit(_features()[0])


@pytest.mark.parametrize(
    ("make", "name", "low"), [(FDBDScorer, "n_clusters", 1), (NNGuideScorer, "n_neighbors", 1)]
)
@pytest.mark.parametrize("value", [0, 2.0, "two", None])
def test_whole_numbers(make, name, low, value):
    with pytest.raises(ValueError, match=rf"'{name}' parameter of .* an int in \[{low}, inf\)"):
        make(**{name: value}).fit(_features()[0])


def test_dimensions_of_the_principal_space():
    rng = np.random.default_rng(0)
    for n, d, expected in ((50, 7, 3), (8, 20, 4), (1200, 768, 512), (900, 800, 450)):
        X = rng.normal(size=(n, d)).astype(np.float32)
        assert ViMScorer(threshold_samples=10).fit(X).n_components_ == expected


@pytest.fixture(scope="module")
def digits():
    """Features of a small net's hidden layer: digits 0 to 7 are known, 8 and 9 are not."""
    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    weights = np.random.default_rng(0).normal(size=(64, 256))
    features = np.maximum(X @ weights - (X @ weights).mean(axis=0), 0)  # random, then a ReLU
    known = y < 8
    X_train, X_test, y_train, _ = train_test_split(features[known], y[known], random_state=0)
    Q = np.vstack([X_test, features[~known]])
    return X_train, y_train, Q, np.repeat([1, -1], [len(X_test), (~known).sum()])


@pytest.mark.parametrize("fitted_head", [False, True])
@scorers
def test_unknown_digits_score_lower(make, fitted_head, digits):
    X, y, Q, truth = digits
    head = LogisticRegression(max_iter=2000).fit(X, y) if fitted_head else None
    assert auroc(truth, make(head).fit(X, y).score_samples(Q)) > 0.85


@pytest.mark.parametrize(
    "transformer",
    [
        ReActTransformer(),
        SCALETransformer(),
        *(ASHTransformer(variant, percentile=65.0) for variant in "spb"),
    ],
    ids=["ReAct", "SCALE", "ASH-s", "ASH-p", "ASH-b"],
)
def test_shaped_activations_tell_unknown_digits(transformer, digits):
    X, y, Q, truth = digits
    head = LogisticRegression(max_iter=2000).fit(X, y)
    pipeline = make_pipeline(transformer, NNGuideScorer(head)).fit(X, y)
    assert auroc(truth, pipeline.score_samples(Q)) > 0.95


def test_one_cluster_has_no_boundary_so_the_distance_from_the_mean_is_the_score():
    X = np.random.default_rng(0).normal(size=(40, 3))
    scorer = FDBDScorer(n_clusters=1).fit(X)
    new = X[:5] + 2.0
    np.testing.assert_allclose(
        scorer.score_samples(new), -np.linalg.norm(new - X.mean(axis=0), axis=1)
    )
