"""Carries out `skood score`: score, write, report; or resume a stopped run."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from skood._version import __version__

from ._alarms import AlarmOptions, Alarms
from ._errors import DataError, UsageError, shown
from ._fitted import Fitted, checksum, load_fitted
from ._inputs import open_input, told_with_doubt
from ._matching import matched
from ._options import ResultOptions
from ._outputs import STDOUT, output_at
from ._run_blocks import UnknownCategoriesError, find_limit, report, score_file
from ._scoring import Scorer
from ._speaking import Voice
from .files import (
    ColumnRoles,
    PartialFile,
    ReadingOptions,
    block_length,
    check_named_columns,
    fingerprint,
    is_read_once,
    rows_digest,
)


@dataclass(frozen=True)
class Resuming:
    """Whether to resume a stopped run; and all arguments, to repeat them in a message."""

    resume: bool
    restart: bool
    argv: tuple[str, ...]


@dataclass(frozen=True)
class ScoreTask:
    """One call of the command."""

    detector: Path
    trust: tuple[str, ...]
    rows: tuple[str, ...]
    file: Path
    reading: ReadingOptions
    roles: ColumnRoles
    results: ResultOptions
    alarms: AlarmOptions
    resuming: Resuming
    voice: Voice

    @property
    def can_resume(self) -> bool:
        """Whether a later run can read the same rows, and finds the results of this one."""
        again = not is_read_once(self.file) and self.results.output != STDOUT
        return again and not self.alarms.needs_all_rows


def score(task: ScoreTask) -> int:
    """Carry out the command, and give its exit status."""
    results, voice = task.results, task.voice
    task.alarms.check_file(task.file, resume=task.resuming.resume)
    if task.resuming.resume and not task.can_resume:
        raise UsageError(
            "--resume needs two files: stdin and pipes are read once, and stdout keeps no rows."
        )
    with output_at(results.output, [task.detector, task.file]) as output:
        partial = PartialFile(output)
        if partial.exists() and not (task.resuming.resume or task.resuming.restart):
            raise UsageError(
                f"A stopped run has left {partial.path.name}: resume it with --resume, or start "
                "anew with --restart."
            )
        fitted, source = _load_and_open(task)
        with partial:
            scorer = _score_all(task, fitted, source, partial)
    if results.output != STDOUT:
        voice.say(f"written to {results.output}")
    report(scorer, source, results, voice)
    return scorer.alarms.end(scorer.tally, voice)


def _score_all(task: ScoreTask, fitted: Fitted, source: Any, partial: PartialFile) -> Scorer:
    """Score all rows and finish the output; a run that ends early keeps its whole blocks."""
    results = task.results
    length = results.block_rows or block_length(fitted.layout.width)
    made_of = _made_of(task, source, fitted, length)

    def digest(n_rows: int) -> str:
        return rows_digest(source.blocks(fitted.layout, length), n_rows)

    if task.resuming.resume:
        _resume(partial, made_of, digest, task.voice)
    alarms = Alarms(task.alarms, fitted.detector)
    scorer = Scorer(fitted, source.row_name, results.explain, alarms, partial.journal.tally)
    try:
        find_limit(source, scorer, length, task.voice)
        _write(partial, made_of, source, scorer, length, results, task.voice)
        partial.finish(results.format)
    except UnknownCategoriesError:
        partial.remove()
        raise
    except BaseException as error:  # Ctrl-C, a full disk, a row that cannot be scored
        if isinstance(error, ValueError | DataError):
            with contextlib.suppress(OSError, ValueError):  # the file is not what it was
                partial.remember(digest)
        if task.can_resume:
            _say_how_to_resume(partial, task.resuming.argv)
        else:
            partial.remove()
        raise
    return scorer


def _load_and_open(task: ScoreTask) -> tuple[Fitted, Any]:
    """The detector, and the file to score."""
    fitted = load_fitted(task.detector, task.trust, task.rows)
    shape = fitted.image_shape
    source = open_input(task.file, task.reading, task.voice, images=shape is not None, shape=shape)
    with told_with_doubt(source):
        if source.columns is not None:
            check_named_columns(source.name, "--exclude", task.roles.exclude, source.columns)
        return matched(fitted, source, task.roles, task.reading, task.voice), source


def _made_of(task: ScoreTask, source: Any, fitted: Fitted, length: int) -> dict[str, Any]:
    """The facts that a resumed run must share, by their names in the error message."""
    return {
        "version of skood": __version__,
        "detector": checksum(task.detector),
        "input": fingerprint(source),
        "--id-column or --exclude": [fitted.layout.id_column, *fitted.layout.exclude],
        "--explain": task.results.explain,
        "--escape-formulas": task.results.escape_formulas,
        "--block-rows": length,
        "way of reading": [list(v) if isinstance(v, tuple) else v for v in astuple(task.reading)],
    }


def _resume(
    partial: PartialFile, made_of: dict[str, Any], digest: Callable[[int], str], voice: Voice
) -> None:
    """Resume a stopped run after its last whole block, if it has one."""
    if partial.can_resume():
        partial.resume(made_of, digest)
        voice.say(f"resumed after {partial.journal.rows:,} rows")
    else:
        voice.say(f"{partial.path.name} has no rows to resume from: starting anew")


def _write(
    partial: PartialFile,
    made_of: dict[str, Any],
    source: Any,
    scorer: Scorer,
    length: int,
    options: ResultOptions,
    voice: Voice,
) -> None:
    """Score the remaining rows, and write each block before the next one is read."""
    results = options.format

    def take(batch: Any) -> None:
        if not partial.is_open:
            partial.start(made_of, results.head(batch.schema))
        partial.append(results.piece(batch), len(batch), scorer.tally)

    score_file(source, scorer, length, take, voice, first_row=partial.journal.rows)


def _say_how_to_resume(partial: PartialFile, argv: Sequence[str]) -> None:
    n_kept = partial.n_kept()
    if not n_kept:
        partial.remove()
        return
    again = [argument for argument in argv if argument not in ("--resume", "--restart")]
    print(
        f"\nskood score: stopped; {n_kept:,} rows are kept in {shown(str(partial.path))}\n"
        f"resume with: {shlex.join(['skood', *again, '--resume'])}",
        file=sys.stderr,
    )
