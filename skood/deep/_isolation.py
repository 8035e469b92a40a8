"""Training that neither feels nor changes how torch is set elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch


@contextmanager
def isolated(seed: int, device: torch.device, *, global_generators: bool) -> Iterator[None]:
    """Make what is trained in the block depend on the seed alone.

    Gradients are on in the block, also where the caller has switched them off.

    Parameters
    ----------
    seed : int
        The seed of torch's global generators in the block.
    device : torch.device
        Where the block computes.
    global_generators : bool
        Whether the block may draw from them, as dropout in a user's module does. They are put back
        afterwards. Blocks in several threads would put back each other's state, so False should be
        given wherever nothing global is drawn.
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
    """CuDNN may else add up in an order that changes from run to run."""
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
