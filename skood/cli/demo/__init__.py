"""The demo on real data: fit, score, set thresholds, report."""

from .output import OutputError
from .run import run_demo

__all__ = ["OutputError", "run_demo"]
