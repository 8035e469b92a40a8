"""`skood score`: scores a file, of any length, by a saved detector."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from ._errors import UsageError
from ._speaking import check_output, plain_errors, say
from ._table_arguments import FILES, add_columns, add_reading, add_talking, add_writing

_INTERRUPTED = 130


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    score = commands.add_parser(
        "score",
        help="score a file of any length by a saved detector",
        description=(
            "Score the rows of a file block by block, so that it may be larger than the memory. "
            "Until the last row, the results are in FILE.part, and a run that was stopped is gone "
            "on with by --resume: the end is the same file, byte for byte."
        ),
    )
    score.add_argument("detector", type=Path, metavar="DETECTOR", help="saved by skood fit or save")
    score.add_argument("file", type=Path, metavar="FILE", help=f"rows to score: {FILES}")
    add_writing(score)
    begin = score.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="go on where a run was stopped")
    begin.add_argument("--restart", action="store_true", help="drop what a stopped run has left")
    add_columns(score)
    add_reading(score)
    add_talking(score)
    score.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score, write, report."""
    with plain_errors(arguments):
        return _score(arguments)


def _score(arguments: argparse.Namespace) -> int:
    from skood.cli.files import PartialFile, check_named_columns, results_format

    from ._fitted import load_fitted
    from ._fitting import open_rows
    from ._matching import matched
    from ._run_blocks import flagging, report
    from ._scoring import Scorer

    output = arguments.output
    check_output(output, [arguments.detector, arguments.file])
    partial = PartialFile(output)
    if partial.exists() and not (arguments.resume or arguments.restart):
        raise UsageError(
            f"A stopped run has left {partial.path.name}: add --resume to go on with it, or "
            "--restart to start anew."
        )
    fitted = load_fitted(arguments.detector, arguments)
    shape = fitted.image_shape
    source = open_rows(arguments.file, arguments, images=shape is not None, shape=shape)
    if source.columns is not None:
        check_named_columns(source.name, "--exclude", arguments.exclude, source.columns)
    fitted = matched(fitted, source, arguments)
    with partial:
        made_of = _made_of(arguments, source, fitted)
        if arguments.resume and partial.can_resume():
            partial.resume(made_of)
            say(arguments, f"going on after {partial.journal.rows:,} rows")
        elif arguments.resume:
            say(arguments, f"there are no rows in {partial.path.name} to go on with: starting anew")
        scorer = Scorer(fitted, source.row_name, arguments.explain, partial.journal.tally)
        try:
            _write(arguments, source, fitted, scorer, partial, made_of)
        except KeyboardInterrupt:
            _say_how_to_go_on(arguments, partial)
            return _INTERRUPTED
        except BaseException:
            # Neither a file that cannot be read nor a full disk leaves a half of the results.
            partial.remove()
            raise
        partial.finish(results_format(output), output)
    say(arguments, f"written to {output}")
    return report(scorer, arguments, source, flagging(fitted))


def _write(
    arguments: argparse.Namespace,
    source: Any,
    fitted: Any,
    scorer: Any,
    partial: Any,
    made_of: dict[str, Any],
) -> None:
    from skood.cli.files import results_format

    from ._run_blocks import score_file

    results = results_format(arguments.output)

    def take(batch: Any) -> None:
        if not partial.is_open:
            partial.start(made_of, results.head(batch.schema))
        partial.append(results.piece(batch), len(batch), scorer.tally)

    score_file(
        source,
        scorer,
        arguments,
        take,
        missing=fitted.fills_missing,
        first_row=partial.journal.rows,
    )


def _made_of(arguments: argparse.Namespace, source: Any, fitted: Any) -> dict[str, Any]:
    """What must be the same when a run goes on, by the names that an error gives it."""
    import hashlib

    from skood._version import __version__
    from skood.cli.files import fingerprint

    from ._run_blocks import block_rows

    with arguments.detector.open("rb") as file:
        detector = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "version of skood": __version__,
        "detector": detector,
        "input": fingerprint(source),
        "--id-column or --exclude": [fitted.layout.id_column, *fitted.layout.exclude],
        "--explain": arguments.explain,
        "--block-rows": block_rows(fitted.layout, arguments),
        "way of reading": [
            arguments.encoding,
            arguments.delimiter,
            arguments.no_header,
            arguments.array,
        ],
    }


def _say_how_to_go_on(arguments: argparse.Namespace, partial: Any) -> None:
    n_kept = partial.n_kept()
    if not n_kept:
        partial.remove()
        print("\nskood score: stopped before the first rows were done", file=sys.stderr)
        return
    again = [one for one in arguments.argv if one not in ("--resume", "--restart")]
    print(
        f"\nskood score: stopped; {n_kept:,} rows are kept in {partial.path}\n"
        f"go on with: {shlex.join(['skood', *again, '--resume'])}",
        file=sys.stderr,
    )
