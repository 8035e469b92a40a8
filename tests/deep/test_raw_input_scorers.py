"""What all scorers by a torch module have in common: it is shared and never left changed."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from skood import ConformalOutlierDetector  # noqa: E402
from skood.deep import (  # noqa: E402
    DeepEnsembleScorer,
    EnergyScorer,
    MaxLogitScorer,
    MCDropoutScorer,
    MSPScorer,
    ODINScorer,
)

from ..detectors import rows  # noqa: E402
from ..processes import another_process  # noqa: E402
from ..torch_nets import Failing, images, lenet, seeded, state_of  # noqa: E402


def _ensemble(net, **params):
    # the second member holds the first one's layers: their modes and hooks are held twice
    return DeepEnsembleScorer([net, nn.Sequential(net, nn.Softplus())], **params)


def _mc_dropout(net, **params):
    return MCDropoutScorer(net, n_samples=3, random_state=0, **params)


MAKERS = {
    "msp": MSPScorer,
    "max_logit": MaxLogitScorer,
    "energy": EnergyScorer,
    "odin": ODINScorer,
    "ensemble": _ensemble,
    "mc_dropout": _mc_dropout,
}
everything = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def frozen_lenet():
    """In training, but for a part of it; with a frozen weight and hooks of its owner."""
    net = lenet()
    net.norm.eval()
    net.conv1.weight.requires_grad_(False)
    net.hidden.register_forward_hook(lambda *call: call[2] * 2)
    net.dropout.register_forward_hook(lambda *call: call[2] + 1)
    return net


@everything
def test_the_module_is_left_as_it_was(make):
    net, X = frozen_lenet(), images()
    before, generator, kept = state_of(net), torch.get_rng_state(), X.copy()
    make(net).fit(X).predict(X)
    assert state_of(net) == before
    assert torch.equal(torch.get_rng_state(), generator)
    np.testing.assert_array_equal(X, kept)


class FailingAfterDropout(Failing):
    def __init__(self, error):
        super().__init__(error)
        self.dropout = nn.Dropout()

    def forward(self, x):
        return super().forward(self.dropout(x))


@everything
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError("too large"), RuntimeError()])
def test_the_module_is_left_as_it_was_after_an_error(make, error):
    net, X = seeded(lambda: FailingAfterDropout(None)), rows(9, 4)
    before = state_of(net)
    scorer = make(net).fit(X)
    net.error = error
    expected = ValueError if type(error) is RuntimeError else type(error)
    for call in (scorer.fit, scorer.score_samples):
        with pytest.raises(expected):
            call(X)
        assert state_of(net) == before
    net.error = None
    X[5, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        scorer.score_samples(X)
    assert state_of(net) == before


@everything
def test_a_row_has_the_same_score_in_any_batch_order_or_chunk(make):
    X = images(70)
    scorer = make(lenet(), batch_size=16).fit(X)
    whole = scorer.score_samples(X)
    np.testing.assert_array_equal(scorer.training_scores_, whole)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(scorer.score_samples(X[order]), whole[order], rtol=1e-6)
    cuts = np.split(np.arange(len(X)), [1, 2, 9, 42])
    parts = [scorer.score_samples(X[part]) for part in cuts]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6)


@everything
def test_any_holder_of_samples(make):
    net, X = lenet(), images(70)
    y = np.arange(70) % 3
    scorer = make(net, batch_size=32, threshold_samples=50).set_params(random_state=0).fit(X, y)
    expected = scorer.score_samples(X)
    tensor = torch.from_numpy(X)
    forms = [tensor, TensorDataset(tensor, torch.zeros(70))]
    forms += [DataLoader(forms[-1], batch_size=32), X.tolist()]
    for form in forms:
        again = clone(scorer).fit(form, y)
        np.testing.assert_array_equal(again.training_scores_, scorer.training_scores_)
        np.testing.assert_array_equal(again.training_indices_, scorer.training_indices_)
        np.testing.assert_array_equal(again.classes_, [0, 1, 2])
        np.testing.assert_array_equal(again.score_samples(form), expected)
    flat = clone(scorer).set_params(input_shape=(1, 12, 12)).fit(X.reshape(70, -1))
    np.testing.assert_array_equal(flat.score_samples(X.reshape(70, -1)), expected)
    assert flat.n_features_in_ == 144
    assert not hasattr(flat.fit(X), "n_features_in_")


@everything
def test_too_few_samples_and_labels(make):
    X = images(5)
    for sample in (
        X[:1],
        torch.from_numpy(X[:1]),
        DataLoader(TensorDataset(torch.from_numpy(X[:1]))),
    ):
        with pytest.raises(ValueError, match=r"1 sample\(s\) while a minimum of 2 is required"):
            make(lenet()).fit(sample)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make(lenet()).fit(X, np.zeros(4))
    with pytest.raises(ValueError, match="must have one or more samples"):
        make(lenet()).fit(TensorDataset(torch.zeros(0, 1, 12, 12)))
    loader = DataLoader(TensorDataset(torch.from_numpy(X)), shuffle=True)
    with pytest.raises(ValueError, match="shuffle=False"):
        make(lenet()).fit(loader)


@everything
def test_progress_is_told_on_stderr(make, capfd):
    X = images(40)
    make(lenet(), batch_size=20).fit(X)
    assert capfd.readouterr() == ("", "")
    name = type(make(lenet(), batch_size=20, verbose=True).fit(X)).__name__
    out, err = capfd.readouterr()
    assert out == ""
    assert f"[{name}] 50 % of 40 rows" in err
    assert "100 % of 40 rows" in err


def modules_of(scorer):
    return list(getattr(scorer, "modules", None) or [scorer.module])


@everything
def test_clones_and_searches_share_the_module(make):
    X = images(40)
    scorer = make(lenet())
    copied = clone(scorer)
    assert all(a is b for a, b in zip(modules_of(copied), modules_of(scorer), strict=True))
    if hasattr(scorer, "modules"):
        assert copied.modules is not scorer.modules  # but each has a list of its own
    search = GridSearchCV(
        scorer,
        {"contamination": [0.1, 0.4]},
        scoring=lambda estimator, *_: estimator.offset_,
        cv=2,
    ).fit(X)
    best = search.best_estimator_
    assert all(a is b for a, b in zip(modules_of(best), modules_of(scorer), strict=True))
    assert search.best_params_ == {"contamination": 0.4}


def _scores(scorer, X):
    return scorer.score_samples(X)


def test_pickle_copy_and_a_process_pool():
    X = images(40)
    fitted = [make(lenet()).fit(X) for make in MAKERS.values()]
    expected = [scorer.score_samples(X) for scorer in fitted]
    for scorer, scores in zip(fitted, expected, strict=True):
        for other in (pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer)):  # noqa: S301
            pairs = zip(modules_of(other), modules_of(scorer), strict=True)
            assert all(a is not b for a, b in pairs)
            assert all(part.training for net in modules_of(other) for part in net.modules())
            np.testing.assert_array_equal(other.score_samples(X), scores)
    all_scores = list(another_process().map(_scores, fitted, [X] * len(fitted)))
    for scores, alone in zip(all_scores, expected, strict=True):
        np.testing.assert_allclose(scores, alone, rtol=1e-5)


def test_all_scorers_in_threads_on_one_module():
    net, X = lenet(), images(40)
    before = state_of(net)
    fitted = [make(net, batch_size=8).fit(X) for make in MAKERS.values()]
    expected = [scorer.score_samples(X) for scorer in fitted]
    with ThreadPoolExecutor(4) as pool:
        all_scores = list(pool.map(lambda scorer: scorer.score_samples(X), fitted * 3))
    for scores, alone in zip(all_scores, expected * 3, strict=True):
        np.testing.assert_array_equal(scores, alone)
    assert state_of(net) == before


@everything
def test_raw_inputs_in_a_conformal_detector(make):
    X = images(80)
    detector = ConformalOutlierDetector(make(lenet()), alpha=0.2, random_state=0).fit(X)
    p_values = detector.p_values(images(20, seed=1))
    assert ((p_values > 0) & (p_values <= 1)).all()


@pytest.mark.gpu
@everything
def test_cuda_gives_what_the_cpu_gives(make):
    net, X = lenet(), images(70)
    before = state_of(net)
    host, device = (make(net, device=d).fit(X).score_samples(X) for d in ("cpu", "cuda"))
    np.testing.assert_allclose(device, host, rtol=1e-2, atol=1e-3)
    assert state_of(net) == before
