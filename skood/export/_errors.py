"""The errors for estimators without a counterpart in ONNX."""

from __future__ import annotations

from typing import Any


def not_converted(what: str, estimator: Any, allowed: str) -> ValueError:
    """The error about a step or member that no ONNX model has."""
    return ValueError(
        f"skood.to_onnx can't convert {what} ({type(estimator).__name__}). It converts {allowed}."
    )
