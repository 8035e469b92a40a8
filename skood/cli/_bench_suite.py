"""Carries out `skood bench --suite`: every detector on every set of a folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from skood._version import __version__
from skood.cli.compare.plain_text import filled
from skood.cli.compare.suite import read_suite, suite_files
from skood.cli.compare.suite_comparison import SuiteComparison
from skood.cli.compare.suite_figure import draw_suite
from skood.cli.compare.suite_report import (
    suite_notes,
    suite_table,
    suite_verdict,
    write_suite_csv,
)
from skood.cli.compare.suite_run import compare_on_suite

from ._assembly import assemble
from ._bench_parts import detectors_of, files_in, write_files
from ._bench_report import suite_page
from ._errors import UsageError, shown
from ._options import BenchOutputs, ComparisonOptions, SuiteOptions
from ._outputs import write_report
from ._settings import wrong_values_named
from ._speaking import Voice
from ._step_lines import StepLine
from .files import RowLayout
from .html.settings import command_line
from .markdown import markdown_table, plain_table


def run_suite(
    suite: SuiteOptions,
    options: ComparisonOptions,
    outputs: BenchOutputs,
    voice: Voice,
) -> None:
    """Compare the detectors on the sets, print the table, and write the files."""
    if not suite.suite.is_dir():
        raise UsageError(f"--suite {str(suite.suite)!r} is no folder.")
    paths, folder = suite_files(suite.suite), outputs.output
    with files_in(outputs, paths):
        comparison = _compare(suite, options, len(paths), voice)
        name = suite.suite.resolve().name
        title, table = f"Detectors compared on the sets of {name}", suite_table(comparison)
        notes, verdict = suite_notes(comparison), suite_verdict(comparison)
        notes.append(f"AUROC needs no threshold, so none is set. skood {__version__}.")
        if folder is not None:
            listed = "\n".join(f"- {note}" for note in notes)
            report = "\n\n".join([f"# {title}", verdict, markdown_table(*table), listed])
            write_files(
                folder,
                f"{report}\n",
                partial(
                    write_suite_csv,
                    comparison=comparison,
                    escape_formulas=outputs.escape_formulas,
                ),
                partial(draw_suite, comparison, name),
                voice,
            )
        if outputs.report is not None:
            made = [("command", command_line(outputs.argv))]
            write_report(outputs.report, suite_page(comparison, name, notes, made), voice)
        parts = [title, plain_table(*table), *map(filled, notes), filled(verdict)]
        print("\n".join(map(shown, "\n\n".join(parts).split("\n"))))


def _compare(
    suite: SuiteOptions, options: ComparisonOptions, n_sets: int, voice: Voice
) -> SuiteComparison:
    assembled = partial(assemble, layout=RowLayout("array"), scale=suite.scale, seed=options.seed)
    makers = detectors_of(options, assembled)
    detectors = {name: partial(_without_threshold, make) for name, make in makers.items()}
    with StepLine(quiet=voice.quiet) as line, wrong_values_named(options.settings):

        def on_set(done: int, name: str) -> None:
            line.show(done, n_sets, f"{name} is done")

        return compare_on_suite(
            read_suite(suite.suite), detectors, n_jobs=suite.jobs, on_set=on_set
        )


def _without_threshold(make: Callable[[], Any]) -> Any:
    """A plain Pipeline, which scores the same and spends no fits on a threshold."""
    return make()[:]
