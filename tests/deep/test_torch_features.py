"""`TorchFeatureTransformer`: which layers, which numbers, and scikit-learn's contract."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skood import LCPOutlierDetector, PartialWhitener

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402

from skood.deep import TorchFeatureTransformer  # noqa: E402

from ..detectors import rows  # noqa: E402
from ..torch_nets import (  # noqa: E402
    FunctionalNet,
    Sequences,
    Shared,
    images,
    lenet,
    seeded,
    sequences,
)


def outputs_of(net, X, n_layers):
    """Plain: what the first layers of a Sequential give, in evaluation mode."""
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        return net[:n_layers](torch.from_numpy(X).clone())


@pytest.mark.parametrize("make", [nn.Tanh, lambda: nn.Sequential(nn.ReLU(inplace=True))])
@pytest.mark.parametrize("options", [{}, {"dtype": "float64", "pad_batches": False}])
def test_check_estimator(make, options):
    results = check_estimator(
        TorchFeatureTransformer(make(), **options), on_skip=None, on_fail="raise"
    )
    skipped = [result["check_name"] for result in results if result["status"] != "passed"]
    # needs an environment variable of SciPy's
    assert set(skipped) <= {"check_array_api_input"}


@pytest.mark.parametrize("pad_batches", [True, False])
def test_layers_of_a_classifier_in_one_pass(pad_batches):
    net, X = lenet(), images()
    transformer = TorchFeatureTransformer(
        net, ["logits", "conv?", "penultimate"], batch_size=16, pad_batches=pad_batches
    ).fit(X)
    out = transformer.transform(X)
    assert out.dtype == np.float32
    assert list(transformer.feature_groups_) == ["logits", "conv1", "conv2", "penultimate"]
    # The activations after the convolutions are in place: they must not be seen.
    expected = {
        "logits": outputs_of(net, X, 11),
        "conv1": outputs_of(net, X, 1).mean((2, 3)),
        "conv2": outputs_of(net, X, 4).mean((2, 3)),
        "penultimate": outputs_of(net, X, 10),
    }
    for name, columns in transformer.feature_groups_.items():
        np.testing.assert_allclose(out[:, columns], expected[name], rtol=1e-4, atol=1e-6)
    names = transformer.get_feature_names_out()
    assert len(names) == out.shape[1] == 3 + 4 + 6 + 9
    assert list(names[2:5]) == ["logits__2", "conv1__0", "conv1__1"]


@pytest.mark.parametrize(
    ("reduce", "plain"),
    [
        ("mean", lambda t: t.mean((2, 3))),
        ("max", lambda t: t.amax((2, 3))),
        ("flatten", lambda t: t.flatten(1)),
        (lambda t: t[:, :, 0, 0], lambda t: t[:, :, 0, 0]),
        (lambda t: t.sum((1, 2, 3)), lambda t: t.sum((1, 2, 3))[:, None]),
    ],
    ids=["mean", "max", "flatten", "corner", "one number"],
)
@pytest.mark.parametrize("output", ["activation", "sign"])
def test_reductions_of_images(reduce, plain, output):
    net, X = lenet(), images()
    out = TorchFeatureTransformer(net, "conv2", reduce=reduce, output=output).fit_transform(X)
    expected = plain(outputs_of(net, X, 4))
    if output == "sign":
        np.testing.assert_array_equal(out, expected.sign())
    else:
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


def test_penultimate_is_what_the_last_called_layer_takes():
    net, X = seeded(FunctionalNet), images()
    out = TorchFeatureTransformer(net).fit_transform(X)
    with torch.no_grad():
        expected = torch.relu(net.conv(torch.from_numpy(X))).mean((2, 3))
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-6)


def test_penultimate_of_a_layer_whose_weight_is_parametrized():
    head = nn.utils.parametrizations.weight_norm(nn.Linear(9, 3, bias=False))
    net, X = lenet(), images()
    expected = TorchFeatureTransformer(net).fit_transform(X)
    net.logits = head
    np.testing.assert_array_equal(TorchFeatureTransformer(net).fit_transform(X), expected)


@pytest.mark.parametrize("steps", [3, 5])  # 3: as many as the rows that the layers are found with
def test_tokens_and_steps_with_the_batch_first_or_second(steps):
    first, second = seeded(Sequences), Sequences(batch_first=False)
    second.load_state_dict(first.state_dict())
    X = sequences(steps=steps)
    layers = ["encoder.layers.0", "encoder.layers.1.linear1", "encoder", "lstm", "penultimate"]
    a, b = (
        TorchFeatureTransformer(net, layers, device="cpu").fit(X).transform(X)
        for net in (first, second)
    )
    assert a.shape == (20, 8 + 16 + 8 + 6 + 6)
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        tokens = first.eval().encoder(torch.from_numpy(X))
        states, (final, _) = first.lstm(tokens)
    np.testing.assert_allclose(a[:, 24:32], tokens.mean(1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(a[:, 32:38], states.mean(1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(a[:, 32:38], a[:, 38:], rtol=1e-4, atol=1e-5)
    for net in (first, second):
        last = TorchFeatureTransformer(net, "lstm", reduce="last", device="cpu").fit(X).transform(X)
        expected = torch.cat([final[-2], final[-1]], dim=1)
        np.testing.assert_allclose(last, expected, rtol=1e-4, atol=1e-5)
        last = (
            TorchFeatureTransformer(net, "encoder", reduce="last", device="cpu").fit(X).transform(X)
        )
        np.testing.assert_allclose(last, tokens[:, -1], rtol=1e-4, atol=1e-5)


def test_a_convolution_over_steps_has_its_channels_first():
    net = seeded(lambda: nn.Sequential(nn.Conv1d(5, 7, 3), nn.ReLU(), nn.Dropout()))
    X = sequences()
    out = TorchFeatureTransformer(net, ["0", "1"], reduce="max").fit(X).transform(X)
    with torch.no_grad():
        expected = net[0](torch.from_numpy(X)).amax(2)
    np.testing.assert_allclose(out, np.hstack([expected, expected.relu()]), rtol=1e-4, atol=1e-6)


def test_a_layer_called_several_times_has_a_group_for_each_call():
    net, X = seeded(Shared), rows(30, 4, dtype=np.float32)
    transformer = TorchFeatureTransformer(net, ["alias", "*"]).fit(X)
    assert list(transformer.feature_groups_) == ["alias", "alias@2", "alias@3"]
    out = transformer.transform(X)
    with torch.no_grad():
        first = net.first(torch.from_numpy(X))
        second = net.first(first.tanh())
        expected = torch.cat([first, second, net.first(second.tanh())], dim=1)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(
        TorchFeatureTransformer(net, "output").fit_transform(X), out[:, 8:]
    )


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ("conv3", r"\(nearest: 'conv2', 'conv1'.*\)\. Got 'conv3' instead"),
        (["conv1", "logit"], r"\(nearest: 'logits'.*\)\. Got 'logit' instead"),
        ("block.*", r"globs of layers in the module.*Got 'block\.\*' instead"),
        ([], r"one or more str\. Got \[\] instead"),
        ([1], r"sequence of str\. Got \[1\] instead"),
        (None, r"sequence of str\. Got None instead"),
    ],
)
def test_wrong_layers(layers, match):
    with pytest.raises(ValueError, match=rf"'layers' parameter of TorchFeature.*{match}"):
        TorchFeatureTransformer(lenet(), layers).fit(images())


def test_layers_that_are_not_reached():
    X = rows(9, 4)
    with pytest.raises(ValueError, match=r"that the forward pass calls .* Got 'idle' instead"):
        TorchFeatureTransformer(Shared(), ["first", "idle"]).fit(X)
    with pytest.raises(ValueError, match=r"that the forward pass calls\. Got 'idl\*' instead"):
        TorchFeatureTransformer(Shared(), "idl*").fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit itself
        scripted = torch.jit.trace(lenet().eval(), torch.from_numpy(images(4)))
    with pytest.raises(ValueError, match=r"not one that is compiled.* Got 'conv1' instead"):
        TorchFeatureTransformer(scripted, "conv1").fit(images())
    assert TorchFeatureTransformer(scripted, "output").fit_transform(images()).shape == (50, 3)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("module", "resnet", r"a torch\.nn\.Module\. Got 'resnet'"),
        ("module", nn.LazyLinear(3), "a module with weights; 'weight' has none yet"),
        ("module", nn.Linear(4, 3, device="meta"), "a module with weights; 'weight' has none yet"),
        ("reduce", "sum", "one of 'mean', 'max', 'flatten', 'last'. Got 'sum'"),
        ("output", "signs", "one of 'activation', 'sign'"),
        ("batch_size", 0, r"an int in \[1, inf\)\. Got 0"),
        ("device", "abacus", "'auto' or a device"),
        ("dtype", "float16", "one of 'float32', 'float64'"),
        ("input_shape", (1, -4), "a tuple of positive ints or None"),
    ],
)
def test_bad_parameters(name, value, allowed):
    transformer = TorchFeatureTransformer(nn.Linear(4, 3), "output").set_params(**{name: value})
    with pytest.raises(ValueError, match=f"'{name}' parameter of TorchFeature.* must be {allowed}"):
        transformer.fit(rows(9, 4))


def test_samples_that_the_module_does_not_take():
    with pytest.raises(ValueError, match=r"Sequential fails on samples of shape \(1, 9\) .*32"):
        TorchFeatureTransformer(lenet()).fit(np.zeros((5, 1, 9)))
    transformer = TorchFeatureTransformer(lenet(), "conv1", reduce="flatten").fit(images())
    with pytest.raises(ValueError, match=r"'conv1' gives 196 features, but gave 400 .*12, 12\)"):
        transformer.transform(np.zeros((5, 1, 9, 9)))
    with pytest.raises(NotFittedError):
        TorchFeatureTransformer(lenet()).transform(images())


@pytest.mark.parametrize(
    ("net", "layer", "reduce", "match"),
    [
        (lenet, "conv1", "last", r"'conv1' gives a tensor of shape .* needs a sequence"),
        (lenet, "conv1", lambda t: t, r"'conv1' gives .* makes a tensor of shape .*, 4, 10, 10\)"),
        (lenet, "conv1", lambda t: t.shap, "'conv1' gives .* callable fails: .*'shap'"),
        (lambda: nn.Flatten(0), "output", "mean", "'output' gives .* must be the batch"),
    ],
)
def test_outputs_that_make_no_rows(net, layer, reduce, match):
    with pytest.raises(ValueError, match=f"Layer {match}"):
        TorchFeatureTransformer(net(), layer, reduce=reduce).fit(images())


def test_frames_and_set_output():
    frame = pd.DataFrame(rows(30, 4), columns=list("abcd"), index=range(100, 130))
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    transformer = TorchFeatureTransformer(net, "*").set_output(transform="pandas").fit(frame)
    out = transformer.transform(frame)
    assert list(out.columns) == [f"{i}__{j}" for i, d in enumerate((3, 3, 2)) for j in range(d)]
    assert list(out.index) == list(frame.index)
    assert list(transformer.feature_names_in_) == list("abcd")
    np.testing.assert_array_equal(transformer.transform(pl.from_pandas(frame)), out)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        transformer.transform(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="input_features should have length"):
        TorchFeatureTransformer(net).fit(rows(9, 4)).get_feature_names_out(["a"])
    # fitted anew on what has no columns
    assert not hasattr(clone(transformer).fit(frame).fit(torch.ones(5, 4)), "n_features_in_")


@pytest.mark.parametrize("net", [lenet, lambda: seeded(Sequences)], ids=["images", "sequences"])
def test_a_row_alone_and_in_any_batch(net):
    net = net()
    X = images(40) if isinstance(net, nn.Sequential) else sequences(40)
    layers = [n for n, _ in net.named_children() if n not in ("norm", "flatten")]
    transformer = TorchFeatureTransformer(net, layers, batch_size=16).fit(X)
    expected = transformer.transform(X)
    alone = np.concatenate([transformer.transform(row[np.newaxis]) for row in X])
    np.testing.assert_array_equal(alone, expected)
    np.testing.assert_array_equal(transformer.transform(X[::-1])[::-1], expected)
    transformer.set_params(pad_batches=False)
    alone = np.concatenate([transformer.transform(row[np.newaxis]) for row in X])
    np.testing.assert_allclose(alone, expected, rtol=1e-4, atol=1e-6)


def test_training_rows_are_known_again_after_the_step():
    X = images(90)
    steps = TorchFeatureTransformer(lenet(), "conv2"), PartialWhitener(), LCPOutlierDetector()
    pipeline = make_pipeline(*steps).fit(X)
    expected = pipeline[-1].training_scores_
    alone = np.concatenate([pipeline.score_samples(row[np.newaxis]) for row in X])
    np.testing.assert_allclose(alone, expected, rtol=1e-6)
