"""Networks as steps of Pipelines: searched, cloned, pickled and sent to other processes."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline

from skood import (
    ActiveNeuronSelector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    OutlierPipeline,
    PartialWhitener,
    load,
    save,
)
from skood.metrics import auroc

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
from torch import nn  # noqa: E402

from skood.deep import AutoencoderTransformer, TorchFeatureTransformer  # noqa: E402

from ..processes import another_process  # noqa: E402

DIGITS, CLASSES = load_digits(return_X_y=True)
IS_ID = CLASSES < 5
INNER, OUTER = DIGITS[IS_ID][:260], DIGITS[~IS_ID][:60]


def network():
    """A network with fixed weights, as a user would bring it trained."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(0)
        return nn.Sequential(nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 12), nn.Tanh())


def trace_pipeline():
    autoencoder = AutoencoderTransformer((16,), 6, epochs=4, device="cpu", random_state=0)
    steps = [("encode", autoencoder), ("select", ActiveNeuronSelector())]
    return Pipeline([*steps, ("detect", KNNOutlierDetector())])


def layer_pipeline():
    features = TorchFeatureTransformer(network(), layers=["1", "3"], device="cpu")
    steps = [("features", features), ("whiten", PartialWhitener())]
    return Pipeline([*steps, ("detect", LCPOutlierDetector())])


# the Pipeline, and two values for a parameter of every step, each of which changes the scores
PIPELINES = {
    "trace": (
        trace_pipeline,
        {
            "encode__n_components": [6, 12],
            "select__n_neurons": [None, 4],
            "detect__n_neighbors": [1, 9],
        },
    ),
    "layers": (
        layer_pipeline,
        {
            "features__layers": [["1"], ["3"]],
            "whiten__power": [0.0, 1.0],
            "detect__perplexity": [2.0, 9.0],
        },
    ),
}
each = pytest.mark.parametrize("name", PIPELINES)


def auroc_scorer(pipeline, X, y):
    return auroc(y, pipeline.score_samples(X))


@each
def test_grid_search_over_every_step_in_two_processes(name):
    make, grid = PIPELINES[name]
    X, y = np.vstack([INNER, OUTER]), np.repeat([1, -1], [len(INNER), len(OUTER)])
    fold = np.where(np.arange(len(X)) < 200, -1, 0)  # the first 200 ID rows train
    search = GridSearchCV(
        make(), grid, scoring=auroc_scorer, cv=PredefinedSplit(fold), n_jobs=2
    ).fit(X, y)
    mean_scores = search.cv_results_["mean_test_score"]
    assert len(np.unique(mean_scores)) == len(mean_scores) == 8
    assert search.best_score_ > 0.6
    for parameters, score in zip(search.cv_results_["params"], mean_scores, strict=True):
        by_hand = make().set_params(**parameters).fit(X[:200])
        # another process may use other threads, and so another order of additions
        assert score == pytest.approx(auroc_scorer(by_hand, X[200:], y[200:]), abs=0.01)


@each
def test_pandas_output(name):
    make, _ = PIPELINES[name]
    frame = pd.DataFrame(INNER).add_prefix("pixel")
    pipeline = make().set_output(transform="pandas").fit(frame)
    trace = pipeline[:-1].transform(frame)
    assert isinstance(trace, pd.DataFrame)
    assert list(trace.columns) == list(pipeline[:-1].get_feature_names_out())
    np.testing.assert_array_equal(trace.to_numpy(), make().fit(INNER)[:-1].transform(INNER))
    np.testing.assert_array_equal(
        pipeline.score_samples(frame), make().fit(INNER).score_samples(INNER)
    )


@each
def test_training_rows_are_known_again(name):
    pipeline = PIPELINES[name][0]().fit(INNER)
    expected = pipeline[-1].training_scores_
    np.testing.assert_allclose(pipeline.score_samples(INNER[::-1])[::-1], expected, rtol=1e-6)
    alone = np.concatenate([pipeline.score_samples(row[None]) for row in INNER[:30]])
    np.testing.assert_allclose(alone, expected[:30], rtol=1e-6)


@each
def test_clone_and_pickle(name):
    pipeline = PIPELINES[name][0]().fit(INNER)
    expected = pipeline.score_samples(OUTER)
    np.testing.assert_array_equal(clone(pipeline).fit(INNER).score_samples(OUTER), expected)
    again = pickle.loads(pickle.dumps(pipeline))  # noqa: S301
    np.testing.assert_array_equal(again.score_samples(OUTER), expected)


def _score(task):
    pipeline, X = task
    return pipeline.score_samples(X)


def test_process_pool():
    fitted = [make().fit(INNER) for make, _ in PIPELINES.values()]
    all_scores = list(another_process().map(_score, [(pipeline, OUTER) for pipeline in fitted]))
    for pipeline, scores in zip(fitted, all_scores, strict=True):
        np.testing.assert_allclose(scores, pipeline.score_samples(OUTER), rtol=1e-4)


def test_clones_in_a_pipeline_share_the_users_module():
    pipeline = layer_pipeline()
    assert clone(pipeline)["features"].module is pipeline["features"].module


def test_threshold_behind_an_autoencoder_that_has_learned_its_rows_by_heart(tmp_path):
    both = np.random.default_rng(0).normal(size=(1120, 64))
    X, new = both[:120], both[120:]
    autoencoder = AutoencoderTransformer(
        (128,), 64, epochs=15, early_stopping=False, device="cpu", random_state=0
    )
    steps = [("encode", autoencoder), ("detect", KNNOutlierDetector())]
    honest = OutlierPipeline(steps, n_folds=5, random_state=0).fit(X)
    scores, labels = honest.score_samples(new), np.repeat([1, -1], [120, 1000])
    assert 0.01 < (scores < honest.offset_).mean() < 0.08
    assert abs(auroc(labels, np.r_[honest.training_scores_, scores]) - 0.5) < 0.1
    plain = Pipeline(clone(honest).steps).fit(X)
    np.testing.assert_array_equal(plain.score_samples(new), scores)
    assert (plain.predict(new) == -1).mean() > 0.08
    assert clone(honest).fit(X).offset_ == honest.offset_
    save(honest, tmp_path / "honest.skood")
    loaded = load(tmp_path / "honest.skood")
    np.testing.assert_array_equal(loaded.predict(new), honest.predict(new))
