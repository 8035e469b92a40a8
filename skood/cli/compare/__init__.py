"""Detectors side by side on given rows, some of which stand in for OoD rows."""

from .compare import compare_detectors
from .comparison import Comparison
from .figure import draw_comparison
from .protocol import Fold, Protocol, choose_protocol
from .report import comparison_markdown
from .rows_csv import write_comparison_csv

__all__ = [
    "Comparison",
    "Fold",
    "Protocol",
    "choose_protocol",
    "compare_detectors",
    "comparison_markdown",
    "draw_comparison",
    "write_comparison_csv",
]
