"""`skood score`: scores a file of any length with a saved detector."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._errors import UsageError
from ._options import ResultOptions, pick
from ._outputs import check_output
from ._speaking import Voice, plain_errors
from ._table_arguments import FILES, add_columns, add_reading, add_talking, add_writing

if TYPE_CHECKING:
    from skood.cli.files import ColumnRoles, PartialFile, ReadingOptions

    from ._fitted import Fitted
    from ._scoring import Scorer

_INTERRUPTED = 130


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    score = commands.add_parser(
        "score",
        help="score a file of any length with a saved detector",
        description=(
            "Score the rows of a file block by block; the file may be larger than the memory. "
            "Until the last row, the results are in FILE.part. --resume resumes a stopped run and "
            "ends with the same file, byte for byte."
        ),
    )
    score.add_argument(
        "detector", type=Path, metavar="DETECTOR", help="file of skood fit or skood.save"
    )
    score.add_argument("file", type=Path, metavar="FILE", help=f"rows to score: {FILES}")
    add_writing(score)
    begin = score.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="resume a stopped run")
    begin.add_argument(
        "--restart", action="store_true", help="drop the rows of a stopped run and start anew"
    )
    add_columns(score)
    add_reading(score)
    add_talking(score)
    score.set_defaults(run=run)


@dataclass(frozen=True)
class _Resuming:
    """What happens to the rows of a stopped run; and all arguments, to name them again."""

    resume: bool
    restart: bool
    argv: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """One call of the command."""

    detector: Path
    trust: tuple[str, ...]
    file: Path
    reading: ReadingOptions
    roles: ColumnRoles
    results: ResultOptions
    resuming: _Resuming
    voice: Voice


def run(arguments: argparse.Namespace) -> int:
    """Score, write, report."""
    values = vars(arguments)
    voice = pick(Voice, values)
    with plain_errors(voice, arguments.output):
        from skood.cli.files import ColumnRoles, ReadingOptions

        task = _Task(
            detector=arguments.detector,
            trust=tuple(arguments.trust),
            file=arguments.file,
            reading=pick(ReadingOptions, values),
            roles=pick(ColumnRoles, values),
            results=pick(ResultOptions, values),
            resuming=pick(_Resuming, values),
            voice=voice,
        )
        return _score(task)


def _score(task: _Task) -> int:
    from skood.cli.files import PartialFile, block_length, results_format

    results, voice = task.results, task.voice
    check_output(results.output, [task.detector, task.file])
    partial = PartialFile(results.output)
    if partial.exists() and not (task.resuming.resume or task.resuming.restart):
        raise UsageError(
            f"A stopped run has left {partial.path.name}: resume it with --resume, or start anew "
            "with --restart."
        )
    fitted, source = _load_and_open(task)

    from ._run_blocks import report
    from ._scoring import Scorer

    length = results.block_rows or block_length(fitted.layout.width)
    made_of = _made_of(task, source, fitted, length)
    with partial:
        if task.resuming.resume:
            _resume(partial, made_of, voice)
        scorer = Scorer(fitted, source.row_name, results.explain, partial.journal.tally)
        try:
            _write(partial, made_of, source, scorer, length, results, voice)
        except KeyboardInterrupt:
            _say_how_to_resume(partial, task.resuming.argv)
            return _INTERRUPTED
        except BaseException:
            # An unreadable file or a full disk leaves no half of the results.
            partial.remove()
            raise
        partial.finish(results_format(results.output), results.output)
    voice.say(f"written to {results.output}")
    report(scorer, source, results, voice)
    return results.exit_status(scorer.tally["flagged"])


def _load_and_open(task: _Task) -> tuple[Fitted, Any]:
    """The detector, and the file to score."""
    from skood.cli.files import check_named_columns

    from ._fitted import load_fitted
    from ._inputs import open_input
    from ._matching import matched

    fitted = load_fitted(task.detector, task.trust)
    shape = fitted.image_shape
    source = open_input(task.file, task.reading, images=shape is not None, shape=shape)
    if source.columns is not None:
        check_named_columns(source.name, "--exclude", task.roles.exclude, source.columns)
    return matched(fitted, source, task.roles, task.voice), source


def _made_of(task: _Task, source: Any, fitted: Fitted, length: int) -> dict[str, Any]:
    """What must be the same in a resumed run, by the names that the error message uses."""
    import hashlib

    from skood._version import __version__
    from skood.cli.files import fingerprint

    with task.detector.open("rb") as file:
        detector = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "version of skood": __version__,
        "detector": detector,
        "input": fingerprint(source),
        "--id-column or --exclude": [fitted.layout.id_column, *fitted.layout.exclude],
        "--explain": task.results.explain,
        "--block-rows": length,
        "way of reading": list(astuple(task.reading)),
    }


def _resume(partial: PartialFile, made_of: dict[str, Any], voice: Voice) -> None:
    """Resume a stopped run after its last whole block, if it has one."""
    if partial.can_resume():
        partial.resume(made_of)
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
    from skood.cli.files import results_format

    from ._run_blocks import score_file

    results = results_format(options.output)

    def take(batch: Any) -> None:
        if not partial.is_open:
            partial.start(made_of, results.head(batch.schema))
        partial.append(results.piece(batch), len(batch), scorer.tally)

    score_file(source, scorer, length, take, voice, first_row=partial.journal.rows)


def _say_how_to_resume(partial: PartialFile, argv: Sequence[str]) -> None:
    n_kept = partial.n_kept()
    if not n_kept:
        partial.remove()
        print("\nskood score: stopped before the first rows were done", file=sys.stderr)
        return
    again = [argument for argument in argv if argument not in ("--resume", "--restart")]
    print(
        f"\nskood score: stopped; {n_kept:,} rows are kept in {partial.path}\n"
        f"resume with: {shlex.join(['skood', *again, '--resume'])}",
        file=sys.stderr,
    )
