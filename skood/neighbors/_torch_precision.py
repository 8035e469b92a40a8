"""The precision of torch's matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def full_precision(torch: Any) -> Iterator[None]:
    """Products and sums in full float32, even if the user allows less: the error bound needs it."""
    cuda = torch.backends.cuda.matmul
    reduced = cuda.allow_fp16_reduced_precision_reduction
    cuda.allow_fp16_reduced_precision_reduction = False
    try:
        with _full_float32(torch):
            yield
    finally:
        cuda.allow_fp16_reduced_precision_reduction = reduced


@contextmanager
def _full_float32(torch: Any) -> Iterator[None]:
    before = _matmul_precision(torch)
    if before == "highest":
        yield
    elif before is not None:
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
    else:
        settings = [torch.backends.cuda.matmul, torch.backends.mkldnn.matmul]
        earlier = [setting.fp32_precision for setting in settings]
        try:
            for setting in settings:
                setting.fp32_precision = "ieee"
            yield
        finally:
            for setting, precision in zip(settings, earlier, strict=True):
                setting.fp32_precision = precision


def is_full_precision(torch: Any) -> bool:
    """Whether products on the host are in full float32: the default, unless the user changed it."""
    newer = getattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision", "none")
    return _matmul_precision(torch) == "highest" and newer in ("none", "ieee")


def _matmul_precision(torch: Any) -> str | None:
    """The setting of torch; None if `fp32_precision` set it, so that torch does not give it."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None
