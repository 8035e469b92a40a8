"""Small autoencoders and what their tests share; needs torch."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from skood.deep import AutoencoderTransformer

IMAGES = load_digits().images[:360]  # (360, 8, 8), values 0 to 16
FLAT = IMAGES.reshape(360, 64)


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small are trained faster by one thread, above all on a busy machine."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def small(hidden=(8,), n_components=3, **parameters):
    """An autoencoder that is trained in a moment."""
    return AutoencoderTransformer(
        hidden, n_components, **{"epochs": 4, "device": "cpu", "random_state": 0, **parameters}
    )


def own_encoder():
    """A user's module for rows of 4 features."""
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_same_state(module, state):
    assert module.state_dict().keys() == state.keys()
    for name, value in module.state_dict().items():
        assert torch.equal(value, state[name]), name
