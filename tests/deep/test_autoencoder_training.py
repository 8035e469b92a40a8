"""The training of an autoencoder: its parameters, its seed, and how it ends."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ..detectors import rows

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
from torch import nn  # noqa: E402

from skood.deep import AutoencoderTransformer  # noqa: E402

from .autoencoders import FLAT, IMAGES, assert_same_state, one_thread, own_encoder, small  # noqa: E402, F401

# Parameters

CHANGES = {
    "hidden": (5, 4),
    "n_components": 2,
    "architecture": "conv",
    "channels": (3,),
    "encoder": own_encoder(),
    "decoder": nn.Linear(3, 4),
    "output": "sign",
    "scaling": "global",
    "epochs": 2,
    "learning_rate": 0.1,
    "batch_size": 7,
    "validation_fraction": 0.5,
    "early_stopping": False,
    "patience": 1,
    "denoising": 0.3,
    "input_shape": (2, 2),
    "device": "auto",
    "random_state": 3,
    "verbose": True,
}


def test_every_parameter_is_tried():
    assert set(CHANGES) == set(AutoencoderTransformer().get_params(deep=False))


@pytest.mark.parametrize("name", CHANGES)
def test_set_params_then_fit_equals_a_new_estimator(name):
    X = rows() * [1.0, 3.0, 9.0, 0.3]
    value = {name: CHANGES[name]}
    base = {
        "architecture": {"input_shape": (2, 2)},
        "channels": {"architecture": "conv", "input_shape": (2, 2)},
        "early_stopping": {"learning_rate": 0.1},  # the last epoch is not the best
        "patience": {"learning_rate": 0.1, "epochs": 12},  # a better epoch comes after a worse one
    }.get(name, {})
    by_set = small(**base).fit(X).set_params(**value).fit(X)
    fresh = small(**{**base, **value}).fit(X)
    np.testing.assert_array_equal(by_set.transform(X), fresh.transform(X))
    assert set(vars(by_set)) == set(vars(fresh))
    before = small(**base).fit(X).transform(X)
    if name not in ("verbose", "device"):
        assert fresh.transform(X).shape != before.shape or not np.allclose(
            fresh.transform(X), before
        )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("hidden", 256, r"a sequence of ints in \[1, inf\)"),
        ("hidden", (3, 0), r"a sequence of ints in \[1, inf\)"),
        ("hidden", "256", r"a sequence of ints in \[1, inf\)"),
        ("n_components", 0, r"an int in \[1, inf\)"),
        ("architecture", "unet", "one of 'dense', 'conv'"),
        ("channels", (), r"a non-empty sequence of ints in \[1, inf\)"),
        ("encoder", "linear", "a torch.nn.Module or None"),
        ("decoder", nn.Linear, "a torch.nn.Module or None"),
        ("output", "code", "one of 'activation', 'sign'"),
        ("scaling", "minmax", "one of 'auto', 'feature', 'global'"),
        ("epochs", 0, r"an int in \[1, inf\)"),
        ("learning_rate", 0.0, r"a float in \(0, inf\)"),
        ("batch_size", 0, r"an int in \[1, inf\) or 'auto'"),
        ("batch_size", "all", r"an int in \[1, inf\) or 'auto'"),
        ("validation_fraction", 1.0, r"a float in \[0, 1\)"),
        ("early_stopping", "yes", "True or False"),
        ("patience", 0, r"an int in \[1, inf\)"),
        ("denoising", -1.0, r"a float in \[0, inf\)"),
        ("input_shape", (4,), r"\(channels, height, width\) or \(height, width\) or None"),
        ("input_shape", (2, 0), r"\(channels, height, width\) or \(height, width\) or None"),
        ("input_shape", (3, 3), r"\(channels, height, width\) .* of the 4 values of a row"),
        ("device", "gpu", "'auto' or a device that torch has here"),
        ("device", None, "'auto' or a device that torch has here"),
        ("verbose", 1, "True or False"),
    ],
)
def test_bad_parameter(name, value, allowed):
    message = rf"'{name}' parameter of AutoencoderTransformer must be {allowed}.* Got .* instead\."
    with pytest.raises(ValueError, match=message):
        small().set_params(**{name: value}).fit(rows())


def test_flat_rows_need_a_shape_for_convolutions():
    message = "'input_shape' parameter .* for architecture='conv' on flat rows. Got None instead"
    with pytest.raises(ValueError, match=message):
        small(architecture="conv").fit(rows())


def test_default_batches():
    """At least some 50 steps an epoch, and batches of 16 to 256 rows."""
    seen = {}
    for n_rows in (40, 1000, 40_000):
        probe = Probe()
        probe.sizes = sizes = SharedList()
        small(encoder=probe, epochs=1, validation_fraction=0.0).fit(rows(n_rows))
        seen[n_rows] = max(sizes.values)
    assert seen == {40: 16, 1000: 20, 40_000: 256}


class SharedList:
    """A list that copies of a module share."""

    def __init__(self):
        self.values = []

    def __deepcopy__(self, memo):
        return self


class Probe(nn.Module):
    """An encoder that notes the sizes of the batches it is trained on."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, batch):
        if self.training:
            self.sizes.values.append(len(batch))
        return self.layer(batch)


# Seeds


def test_one_seed_one_result_to_the_last_bit():
    options = {"architecture": "conv", "channels": (4,), "denoising": 0.1}
    first, same = (small(**options).fit(IMAGES) for _ in range(2))
    other = small(**options, random_state=1).fit(IMAGES)
    assert_same_state(same.encoder_, first.encoder_.state_dict())
    assert_same_state(same.decoder_, first.decoder_.state_dict())
    np.testing.assert_array_equal(same.loss_curve_, first.loss_curve_)
    np.testing.assert_array_equal(same.transform(IMAGES), first.transform(IMAGES))
    assert not np.allclose(other.transform(IMAGES), first.transform(IMAGES))
    generator = np.random.RandomState(0)
    drawn = [small(random_state=generator).fit(FLAT).transform(FLAT) for _ in range(2)]
    assert not np.allclose(*drawn)


@pytest.mark.parametrize("has_own_encoder", [False, True], ids=["built", "own with dropout"])
def test_global_generators_are_neither_used_nor_changed(has_own_encoder):
    X = rows()
    encoder = (
        nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
        if has_own_encoder
        else None
    )
    traces = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
        traces.append(small(encoder=encoder, denoising=0.1).fit(X).transform(X))
        assert torch.equal(torch.get_rng_state(), before[0])
        np.testing.assert_array_equal(np.random.get_state()[1], before[1][1])  # noqa: NPY002
    np.testing.assert_array_equal(*traces)


def test_what_torch_is_set_to_elsewhere_changes_nothing():
    expected = small().fit(FLAT).transform(FLAT)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            first = small().fit(FLAT).transform(FLAT)
        with torch.inference_mode():
            second = small().fit(FLAT).transform(FLAT)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, expected)


# How training ends


def test_early_stopping_keeps_the_best_epoch():
    X = rows(120, 6)
    options = {"learning_rate": 0.1, "validation_fraction": 0.3, "patience": 4}
    stopped = small(**options, epochs=200).fit(X)
    losses = stopped.validation_loss_curve_
    assert stopped.n_epochs_ == len(losses) == len(stopped.loss_curve_) < 200
    assert stopped.best_epoch_ == losses.argmin() + 1 < stopped.n_epochs_
    # The weights are those that training ends with when it goes just that far.
    exact = small(**options, epochs=stopped.best_epoch_, early_stopping=False).fit(X)
    assert exact.best_epoch_ == exact.n_epochs_ == stopped.best_epoch_
    assert_same_state(stopped.encoder_, exact.encoder_.state_dict())
    assert_same_state(stopped.decoder_, exact.decoder_.state_dict())
    np.testing.assert_array_equal(exact.validation_loss_curve_, losses[: stopped.best_epoch_])


def test_patience_is_counted_from_the_last_notably_lower_loss():
    stopped = small(learning_rate=0.1, patience=4, epochs=200).fit(rows(120, 6))
    best, last = np.inf, 0
    for epoch, loss in enumerate(stopped.validation_loss_curve_, start=1):
        if loss < best * 0.99:
            best, last = loss, epoch
    assert stopped.n_epochs_ == last + 4


def test_without_early_stopping_all_epochs_are_run_and_the_last_is_kept():
    autoencoder = small(learning_rate=0.3, epochs=30, early_stopping=False).fit(rows())
    assert autoencoder.n_epochs_ == autoencoder.best_epoch_ == 30
    assert autoencoder.validation_loss_curve_.argmin() < 29


@pytest.mark.parametrize(("fraction", "n_rows"), [(0.0, 60), (0.1, 9)])
def test_without_validation_rows_the_training_loss_decides(fraction, n_rows):
    autoencoder = small(validation_fraction=fraction, epochs=9).fit(rows(n_rows))
    assert autoencoder.validation_loss_curve_ is None
    assert autoencoder.best_epoch_ == autoencoder.loss_curve_.argmin() + 1


class Interrupting(nn.Module):
    """An encoder during whose n-th step of training the user presses Ctrl-C."""

    def __init__(self, step, n_features=4):
        super().__init__()
        torch.random.default_generator.manual_seed(0)
        self.layer = nn.Linear(n_features, 3)
        self.steps_left = step

    def forward(self, batch):
        if self.training:
            self.steps_left -= 1
            if self.steps_left == 0:
                raise KeyboardInterrupt
        return self.layer(batch)


def test_an_interruption_keeps_what_is_trained_and_says_so():
    X, options = rows(), {"batch_size": 30, "validation_fraction": 0.0}  # two steps an epoch
    interrupted = small(encoder=Interrupting(8), epochs=50, **options)
    message = r"^Training was interrupted after epoch 3 of 50. The weights of epoch 3 are kept\.$"
    with pytest.warns(UserWarning, match=message) as caught:
        interrupted.fit(X)
    assert caught[0].filename == __file__
    assert interrupted.n_epochs_ == interrupted.best_epoch_ == len(interrupted.loss_curve_) == 3
    exact = small(encoder=Interrupting(1000), epochs=3, **options).fit(X)
    assert_same_state(interrupted.encoder_, exact.encoder_.state_dict())
    np.testing.assert_array_equal(interrupted.transform(X), exact.transform(X))
    assert not interrupted.encoder_.training


def test_an_interruption_before_anything_is_trained_goes_on():
    with pytest.raises(KeyboardInterrupt):
        small(encoder=Interrupting(2), batch_size=30, validation_fraction=0.0).fit(rows())


def test_a_loss_that_is_no_number_names_epoch_and_learning_rate():
    message = r"training loss became (nan|inf) in epoch \d+ with learning_rate=1e\+30: .* lower lea"
    with pytest.raises(ValueError, match=message):
        small(learning_rate=1e30).fit(rows())


class NotANumberWhenValidated(nn.Module):
    """An encoder that gives nan for the validation rows from the second epoch on."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.calls = 0

    def forward(self, batch):
        self.calls += not self.training
        # the first call sees what shapes there are
        return self.layer(batch) * (float("nan") if self.calls > 2 else 1.0)


def test_a_validation_loss_that_is_no_number():
    message = r"validation loss became nan in epoch 2 with learning_rate=0.001"
    with pytest.raises(ValueError, match=message):
        small(encoder=NotANumberWhenValidated(), batch_size=60).fit(rows())


def test_verbose_prints_a_line_an_epoch(capsys):
    small(verbose=True, epochs=2).fit(rows())
    small(verbose=True, epochs=1, validation_fraction=0.0).fit(rows())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    number = r"\d+(\.\d+)?(e-\d+)?"
    for epoch, line in enumerate(lines[:2], start=1):
        expected = rf"epoch {epoch}/2: training loss {number}, validation loss {number}"
        assert re.fullmatch(expected, line)
    assert re.fullmatch(rf"epoch 1/1: training loss {number}", lines[2])
    small().fit(rows())
    assert capsys.readouterr().out == ""
