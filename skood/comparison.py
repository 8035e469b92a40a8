"""Detectors side by side on your own rows: the parts of ``skood bench``."""

from .cli.compare.compare import compare_detectors
from .cli.compare.comparison import Comparison
from .cli.compare.figure import draw_comparison
from .cli.compare.protocol import Fold, Protocol, choose_protocol
from .cli.compare.report import comparison_markdown
from .cli.compare.rows_csv import write_comparison_csv
from .cli.compare.suite import SuiteSet, read_suite
from .cli.compare.suite_comparison import LeadOver, SetFacts, SuiteComparison
from .cli.compare.suite_figure import draw_suite
from .cli.compare.suite_report import write_suite_csv
from .cli.compare.suite_run import compare_on_suite

__all__ = [
    "Comparison",
    "Fold",
    "LeadOver",
    "Protocol",
    "SetFacts",
    "SuiteComparison",
    "SuiteSet",
    "choose_protocol",
    "compare_detectors",
    "compare_on_suite",
    "comparison_markdown",
    "draw_comparison",
    "draw_suite",
    "read_suite",
    "write_comparison_csv",
    "write_suite_csv",
]
