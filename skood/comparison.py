"""Detectors side by side on your own rows: the parts of ``skood bench``."""

from .cli.compare.compare import compare_detectors
from .cli.compare.comparison import Comparison
from .cli.compare.figure import draw_comparison
from .cli.compare.protocol import Fold, Protocol, choose_protocol
from .cli.compare.report import comparison_markdown
from .cli.compare.rows_csv import write_comparison_csv

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
