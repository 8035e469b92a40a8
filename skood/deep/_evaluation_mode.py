"""Evaluation mode with an exact end, also for threads that overlap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from ._aligned_linear import align, unalign


@dataclass
class _Held:
    module: nn.Module  # kept alive, so that no other object gets its id
    was_training: bool
    n_holders: int = 0


_LOCK = threading.Lock()
_HELD: dict[int, _Held] = {}


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Hold a module and all in it in evaluation mode for a block, its linear layers aligned.

    Each submodule gets its own mode back, so that frozen parts stay frozen. Holders are counted for
    each submodule. If two threads overlap, also on a part of a module, the last one restores the
    modes from before the first one. Only the `training` flags change: some modules override `train`
    and `eval` with side effects. In the block, a linear layer rounds a sample alike at any place of
    a batch: see `AlignedForward`.

    Examples
    --------
    >>> from torch import nn
    >>> from skood.deep._evaluation_mode import evaluation_mode
    >>> net = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
    >>> with evaluation_mode(net):
    ...     [part.training for part in net.modules()]
    [False, False, False]
    >>> [part.training for part in net.modules()]
    [True, True, False]
    """
    held: list[nn.Module] = []
    try:
        with _LOCK:
            for part in module.modules():
                _hold(part)
                held.append(part)
        yield
    finally:
        with _LOCK:
            for part in held:
                _release(part)


def _hold(part: nn.Module) -> None:
    entry = _HELD.setdefault(id(part), _Held(part, part.training))
    entry.n_holders += 1
    if part.training:
        part.training = False
    align(part)


def _release(part: nn.Module) -> None:
    entry = _HELD[id(part)]
    entry.n_holders -= 1
    if entry.n_holders == 0:
        del _HELD[id(part)]
        unalign(part)
        if part.training != entry.was_training:
            part.training = entry.was_training
