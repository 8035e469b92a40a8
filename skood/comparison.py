"""Detectors side by side on your own rows: the parts of ``skood bench``."""

from .cli.compare import (
    Comparison,
    Fold,
    Protocol,
    choose_protocol,
    compare_detectors,
    comparison_markdown,
    draw_comparison,
    write_comparison_csv,
)

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
