"""Encoder layers of torch, which in evaluation mode skip their parts in one fused step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

# From torch 2.5 on, a layer with a hook inside calls its parts; before, it skipped them.
_HOOKS_ARE_SEEN = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 5)

_LOCK = threading.Lock()
_HOLDERS: list[bool] = []  # the switch before each holder; the first value is restored


def is_fused(module: nn.Module) -> bool:
    """Whether a hook on a module would stop its fused step: an encoder layer without hooks.

    Such a layer is observed by a hook for all modules, which does not stop the fused step but runs
    before a module's own hooks.
    """
    return isinstance(module, nn.TransformerEncoderLayer) and not module._forward_hooks


def has_part_among(root: nn.Module, watched: list[nn.Module]) -> bool:
    """Whether an encoder layer would skip the hooks of some of these modules, its parts."""
    if _HOOKS_ARE_SEEN:
        return False
    layers = [part for part in root.modules() if isinstance(part, nn.TransformerEncoderLayer)]
    parts = {id(part) for layer in layers for part in layer.modules() if part is not layer}
    return any(id(module) in parts for module in watched)


@contextmanager
def parts_called() -> Iterator[None]:
    """Make encoder layers call their parts in a block.

    torch has one switch for all threads. The last holder restores it.
    """
    with _LOCK:
        _HOLDERS.append(torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        yield
    finally:
        with _LOCK:
            before = _HOLDERS[0]
            _HOLDERS.pop()
            if not _HOLDERS:
                torch.backends.mha.set_fastpath_enabled(before)
