"""Carries out `skood bench --suite`: every detector on every set of a folder."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from skood._optional import is_installed
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
from skood.storage.whole_file import written_whole

from ._assembly import assemble
from ._bench_run import DPI, NUMBERS, PICTURE, REPORT
from ._errors import UsageError, shown
from ._options import ComparisonOptions, SuiteOptions
from ._outputs import folder_at, output_at
from ._settings import parameters_of_each, set_parameters
from ._speaking import Voice
from ._step_lines import StepLine
from .files import RowLayout
from .markdown import markdown_table, plain_table


def run_suite(
    suite: SuiteOptions,
    options: ComparisonOptions,
    folder: Path | None,
    escape_formulas: bool,
    voice: Voice,
) -> None:
    """Compare the detectors on the sets, print the table, and write the files."""
    if not suite.suite.is_dir():
        raise UsageError(f"--suite {str(suite.suite)!r} is no folder.")
    paths = suite_files(suite.suite)
    with ExitStack() as stack:
        if folder is not None:
            stack.enter_context(folder_at(folder))
            for name in (REPORT, NUMBERS, PICTURE):
                stack.enter_context(output_at(folder / name, paths))
        comparison = _compare(suite, options, len(paths), voice)
        parts = [f"Detectors compared on the sets of {suite.suite.resolve().name}"]
        notes, table = suite_notes(comparison), suite_table(comparison)
        notes.append(f"AUROC needs no threshold, so none is set. skood {__version__}.")
        if folder is not None:
            text = [f"# {parts[0]}", suite_verdict(comparison), markdown_table(*table)]
            text.append("\n".join(f"- {note}" for note in notes))
            _write(folder, "\n\n".join(text) + "\n", comparison, suite, escape_formulas, voice)
        parts += [plain_table(*table), *map(filled, notes), filled(suite_verdict(comparison))]
        print("\n".join(map(shown, "\n\n".join(parts).split("\n"))))


def _compare(
    suite: SuiteOptions, options: ComparisonOptions, n_sets: int, voice: Voice
) -> SuiteComparison:
    names = tuple(dict.fromkeys(options.detectors))
    layout = RowLayout("array")
    pipelines = {name: assemble(name, layout, seed=options.seed) for name in names}
    settings = parameters_of_each(pipelines, options.settings)
    for name, pipeline in pipelines.items():
        set_parameters(pipeline, name, settings[name])
    # a plain Pipeline scores the same, and spends no fits on a threshold
    detectors = {name: partial(_cloned, pipeline[:]) for name, pipeline in pipelines.items()}
    with StepLine(quiet=voice.quiet) as line:

        def on_set(done: int, name: str) -> None:
            line.show(done, n_sets, f"{name} is done")

        return compare_on_suite(
            read_suite(suite.suite), detectors, n_jobs=suite.jobs, on_set=on_set
        )


def _cloned(pipeline: Any) -> Any:
    from sklearn.base import clone

    return clone(pipeline)


def _write(
    folder: Path,
    text: str,
    comparison: SuiteComparison,
    suite: SuiteOptions,
    escape_formulas: bool,
    voice: Voice,
) -> None:
    with written_whole(folder / REPORT) as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_suite_csv(folder / NUMBERS, comparison, escape_formulas=escape_formulas)
    written = [REPORT, NUMBERS]
    if is_installed("matplotlib"):
        figure = draw_suite(comparison, suite.suite.resolve().name)
        with written_whole(folder / PICTURE) as temporary:
            figure.savefig(temporary, dpi=DPI)
        written.append(PICTURE)
    else:
        voice.say('no picture: pip install "skood[plots]" adds it')
    voice.say(f"written to {folder}: {', '.join(written)}")
