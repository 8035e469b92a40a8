"""Training that neither depends on the settings of torch nor changes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch


@contextmanager
def isolated(seed: int, device: torch.device, *, global_generators: bool) -> Iterator[None]:
    """Make training in the block depend only on the seed, with gradients on.

    `global_generators` lets the block draw from torch's global generators, as dropout in a user's
    module does, and restores their states afterwards. Blocks in several threads would restore each
    other's states, so pass False if the block draws nothing global.
    """
    forked = _seeded(seed, device) if global_generators else nullcontext()
    with (
        forked,
        _deterministic_convolutions(device),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        yield


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def _deterministic_convolutions(device: torch.device) -> Iterator[None]:
    """Without this, the order of sums in cuDNN may change from run to run."""
    if device.type != "cuda":
        yield
        return
    backend = torch.backends.cudnn
    before = backend.deterministic, backend.benchmark
    backend.deterministic, backend.benchmark = True, False
    try:
        yield
    finally:
        backend.deterministic, backend.benchmark = before
