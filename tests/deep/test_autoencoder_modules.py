"""Modules of the user as halves of an autoencoder, and copies of it."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from ..detectors import rows
from ..processes import another_process

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
from torch import nn  # noqa: E402

from .autoencoders import FLAT, IMAGES, assert_same_state, one_thread, own_encoder, small, state_of  # noqa: E402, F401

# Own modules


def test_own_modules_are_trained_as_copies_and_left_alone():
    encoder, decoder = own_encoder(), nn.Linear(3, 4)
    encoder.train()
    decoder.eval()
    before = state_of(encoder), state_of(decoder)
    autoencoder = small(encoder=encoder, decoder=decoder).fit(rows())
    assert autoencoder.encoder is encoder
    assert autoencoder.encoder_ is not encoder
    assert encoder.training
    assert not decoder.training
    assert_same_state(encoder, before[0])
    assert_same_state(decoder, before[1])
    assert all(weight.grad is None for weight in encoder.parameters())
    assert autoencoder.n_components_ == 3
    assert not torch.equal(autoencoder.encoder_[0].weight, encoder[0].weight)


def test_training_of_own_modules_starts_from_their_weights():
    encoder = own_encoder()
    autoencoder = small(encoder=encoder, learning_rate=1e-12, epochs=1).fit(rows())
    for trained, given in zip(autoencoder.encoder_.parameters(), encoder.parameters(), strict=True):
        torch.testing.assert_close(trained, given, rtol=0, atol=1e-9)


def test_own_modules_for_images_may_give_maps():
    encoder = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU())
    autoencoder = small(encoder=encoder).fit(IMAGES)
    trace = autoencoder.transform(IMAGES)
    assert trace.shape == (360, 2 * 4 * 4)
    assert autoencoder.inverse_transform(trace).shape == IMAGES.shape
    Z = autoencoder.scale_ * 0 + (IMAGES - autoencoder.mean_) / autoencoder.scale_
    with torch.no_grad():
        maps = autoencoder.encoder_(torch.from_numpy(Z.astype(np.float32))[:, None])
    np.testing.assert_allclose(trace, maps.flatten(1).numpy(), atol=1e-5)


def test_an_own_decoder_gets_the_built_code():
    autoencoder = small(decoder=nn.Linear(3, 64)).fit(IMAGES)
    assert isinstance(autoencoder.decoder_, nn.Linear)
    assert autoencoder.reconstruction_error(IMAGES).shape == (360,)


def test_a_frozen_encoder_stays_and_two_frozen_halves_are_refused():
    encoder = own_encoder().requires_grad_(False)
    autoencoder = small(encoder=encoder).fit(rows())
    assert_same_state(autoencoder.encoder_, state_of(encoder))
    with pytest.raises(ValueError, match=r"'encoder' parameter .* a module with weights to train"):
        small(encoder=encoder, decoder=nn.Linear(3, 4).requires_grad_(False)).fit(rows())


class GivesATuple(nn.Module):
    def forward(self, batch):
        return batch, batch


@pytest.mark.parametrize(
    ("halves", "message"),
    [
        ({"encoder": GivesATuple()}, r"'encoder' .* its code for each row. Got a tuple for 2 rows"),
        (
            {"encoder": nn.Flatten(0)},
            r"'encoder' .* its code for each row. Got a tensor of shape \(8,\) for 2 rows",
        ),
        (
            {"decoder": nn.Linear(3, 5)},
            r"'decoder' .* 4 values for each row. Got a tensor of shape \(2, 5\) for 2 rows",
        ),
    ],
)
def test_own_modules_that_do_not_fit(halves, message):
    with pytest.raises(ValueError, match=message):
        small(**halves).fit(rows())


def test_clones_share_own_modules_and_keep_the_rest():
    encoder = own_encoder()
    autoencoder = small(encoder=encoder, denoising=0.2).set_output(transform="pandas").fit(rows())
    cloned = clone(autoencoder)
    assert cloned.encoder is encoder
    assert autoencoder.encoder is encoder
    assert cloned.get_params() == autoencoder.get_params()
    assert not hasattr(cloned, "encoder_")
    np.testing.assert_array_equal(
        cloned.fit(rows()).transform(rows()), autoencoder.transform(rows())
    )


# Copies, processes and threads


def test_pickle_joblib_and_deepcopy(tmp_path):
    autoencoder = small(encoder=own_encoder()).fit(rows())
    expected, error = autoencoder.transform(rows()), autoencoder.reconstruction_error(rows())
    joblib.dump(autoencoder, tmp_path / "autoencoder.joblib")
    for other in (
        pickle.loads(pickle.dumps(autoencoder)),  # noqa: S301
        joblib.load(tmp_path / "autoencoder.joblib"),
        copy.deepcopy(autoencoder),
    ):
        np.testing.assert_array_equal(other.transform(rows()), expected)
        np.testing.assert_array_equal(other.reconstruction_error(rows()), error)


def _fit_and_transform(task):
    autoencoder, X = task
    return autoencoder.fit(X).transform(X)


def test_process_pool():
    tasks = [(small(), rows()), (small(encoder=own_encoder()), rows())]
    traces = list(another_process().map(_fit_and_transform, tasks))
    for task, trace in zip(tasks, traces, strict=True):
        np.testing.assert_allclose(trace, _fit_and_transform(task), rtol=1e-4, atol=1e-5)


def test_threads_fit_and_transform_side_by_side():
    expected = [small(random_state=seed).fit(FLAT).transform(FLAT) for seed in range(4)]
    shared = small().fit(FLAT)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        fits = [small(random_state=seed) for seed in range(4)]
        fitted_traces = list(pool.map(lambda a: a.fit(FLAT).transform(FLAT), fits))
        traces = list(pool.map(shared.transform, [FLAT] * 4))
    assert torch.equal(torch.get_rng_state(), before)
    for trace, alone in zip(fitted_traces, expected, strict=True):
        np.testing.assert_allclose(trace, alone, rtol=1e-4, atol=1e-5)
    for trace in traces:
        np.testing.assert_array_equal(trace, expected[0])


def test_refitting_forgets_the_old_fit():
    again = small().fit(IMAGES).fit(rows())
    fresh = small().fit(rows())
    assert set(vars(again)) == set(vars(fresh))
    np.testing.assert_array_equal(again.transform(rows()), fresh.transform(rows()))


@pytest.mark.gpu
@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_cuda(architecture):
    """The same code trains there, one seed gives one result, and the pickle needs no CUDA."""
    make = {"architecture": architecture, "device": "auto", "epochs": 10}
    first, same = (small((32,), 8, **make).fit(IMAGES) for _ in range(2))
    assert_same_state(same.encoder_, first.encoder_.state_dict())
    assert {weight.device.type for weight in first.encoder_.parameters()} == {"cpu"}
    on_cpu = copy.deepcopy(first).set_params(device="cpu")
    np.testing.assert_allclose(first.transform(IMAGES), on_cpu.transform(IMAGES), atol=1e-2)
    assert first.reconstruction_error(IMAGES).mean() < 0.6
    encoder = own_encoder().cuda()
    pickled = pickle.loads(pickle.dumps(small(encoder=encoder, device="auto").fit(rows())))  # noqa: S301
    assert {weight.device.type for weight in pickled.encoder.parameters()} == {"cpu"}
    assert {weight.device.type for weight in encoder.parameters()} == {"cuda"}
