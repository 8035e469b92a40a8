"""Detectors side by side on rows of one's own: what ``skood bench`` is made of."""

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
