"""Carries out `skood detect`: fit, score, write, report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skood.storage.whole_file import new_file, temporary_beside

from ._alarms import AlarmOptions, Alarms
from ._detect_report import DetectReport
from ._fitted import Fitted
from ._fitting import fit_file
from ._inputs import check_one_stdin, open_input
from ._matching import matched
from ._options import DetectorOptions, PreparationOptions, ResultOptions
from ._outputs import STDOUT, output_at, report_at, write_report
from ._run_blocks import find_limit, report, score_file
from ._scoring import Scorer
from ._speaking import Voice
from .files import ColumnRoles, ReadingOptions, block_length
from .html.settings import command_line


@dataclass(frozen=True)
class DetectTask:
    """One call of the command."""

    training: Path
    new: Path
    reading: ReadingOptions
    roles: ColumnRoles
    preparation: PreparationOptions
    detector: DetectorOptions
    results: ResultOptions
    alarms: AlarmOptions
    voice: Voice
    report: Path | None = None
    argv: tuple[str, ...] = ()


def detect(task: DetectTask) -> int:
    """Carry out the command, and give its exit status."""
    output = task.results.output
    task.alarms.check_file(task.new)
    inputs = [task.training, task.new]
    with output_at(output, inputs) as file, report_at(task.report, inputs):
        fitted, source = _fit_and_open(task)
        alarms = Alarms(task.alarms, fitted.detector)
        page = None if task.report is None else DetectReport(fitted)
        also = None if page is None else page.take
        scorer = Scorer(fitted, source.row_name, task.results.explain, alarms, also=also)
        _write(source, scorer, file, task.results, task.voice)
        if output != STDOUT:
            task.voice.say(f"written to {output}")
        report(scorer, source, task.results, task.voice)
        status = alarms.end(scorer.tally, task.voice)
        if page is not None and task.report is not None:
            made = [("command", command_line(task.argv))]
            write_report(task.report, page.page(source, scorer, made), task.voice)
    return status


def _fit_and_open(task: DetectTask) -> tuple[Fitted, Any]:
    """The detector, and the file to score, opened before the fit to find its faults early."""
    check_one_stdin(task.training, task.new)
    images = task.detector.features is not None
    source = None
    if not (images and task.new.is_dir()):  # the size of images is known only after the fit
        source = open_input(task.new, task.reading, task.voice, images=images)
    fitted = fit_file(
        task.training,
        task.reading,
        task.roles,
        task.preparation,
        task.detector,
        task.voice,
        also_in=source,
    )
    if source is None:
        source = open_input(
            task.new, task.reading, task.voice, images=True, shape=fitted.image_shape
        )
    return matched(fitted, source, task.roles, task.reading, task.voice), source


def _write(source: Any, scorer: Scorer, output: Path, options: ResultOptions, voice: Voice) -> None:
    """Score all rows, and write the results whole or not at all."""
    results = options.format
    length = options.block_rows or block_length(scorer.fitted.layout.width)
    find_limit(source, scorer, length, voice)
    temporary = temporary_beside(output)
    try:
        with new_file(temporary, output) as file:

            def take(batch: Any) -> None:
                if not file.tell():
                    file.write(results.head(batch.schema))
                file.write(results.piece(batch))

            score_file(source, scorer, length, take, voice)
        results.finish(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)
