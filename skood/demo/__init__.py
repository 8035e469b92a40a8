"""The main job from end to end on real data: fit, score, threshold, report."""

from skood.demo.output import OutputError
from skood.demo.run import run_demo

__all__ = ["OutputError", "run_demo"]
