"""The main job from end to end on real data: fit, score, threshold, report."""

from .output import OutputError
from .run import run_demo

__all__ = ["OutputError", "run_demo"]
