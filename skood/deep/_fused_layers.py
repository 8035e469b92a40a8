"""torch's encoder layers, which in evaluation mode compute in one step, past their parts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

# From 2.5 on a hook in a layer is enough for it to call its parts; before, it was passed over.
_HOOKS_ARE_SEEN = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 5)

_LOCK = threading.Lock()
_HOLDERS: list[bool] = []  # what each that holds the switch has found; the first one's counts


def is_fused(module: nn.Module) -> bool:
    """Whether a hook on a module would cost it its fused step.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    bool
        True for an encoder layer without hooks. Those for all modules do no harm; they are called
        before a module's own, so where it has some it is not fused, and gets its hook as others.
    """
    return isinstance(module, nn.TransformerEncoderLayer) and not module._forward_hooks


def has_part_among(root: nn.Module, watched: list[nn.Module]) -> bool:
    """Whether some of these modules are parts of an encoder layer that passes over their hooks."""
    if _HOOKS_ARE_SEEN:
        return False
    layers = [part for part in root.modules() if isinstance(part, nn.TransformerEncoderLayer)]
    parts = {id(part) for layer in layers for part in layer.modules() if part is not layer}
    return any(id(module) in parts for module in watched)


@contextmanager
def parts_called() -> Iterator[None]:
    """Have encoder layers call their parts for a block.

    torch has one switch for all threads: the last of those that hold it puts it back.
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
