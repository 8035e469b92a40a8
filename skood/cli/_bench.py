"""`skood bench`: compares the detectors on rows of a file."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from ._help import add_command
from ._table_arguments import (
    DETECTORS,
    TABLES,
    add_escape,
    add_preparation,
    add_report,
    add_settings,
    add_talking,
    add_text_format,
    add_training_rows,
)
from .arguments import count, count_or_zero, given_options, seed, several

DEFAULT_DETECTORS = tuple(name for name in DETECTORS if name != "auto")  # near tabular
_OF_SUITE = (
    *(
        "suite",
        "output",
        "report",
        "escape_formulas",
        "detectors",
        "settings",
        "scale",
        "jobs",
        "seed",
    ),
    *("quiet", "debug"),
)


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    bench = add_command(
        commands,
        "bench",
        summary="compare the detectors on your own rows",
        description=(
            "Compare the detectors on your own rows. With class labels, each class in turn is left "
            "out of the training rows and serves as out-of-distribution rows. Without labels, each "
            "cluster does. With labels +1 (in-distribution) and -1, folds of the +1 rows are the "
            "training rows. Prints a table, and the verdict at the end. --output writes all tables "
            "in Markdown (bench.md), the numbers of every fold (bench.csv) and, if matplotlib is "
            "installed, a picture (bench.png)."
        ),
        examples="""
            skood bench --train train.csv --exclude order --detectors lcp knn --resamples 100
            skood bench --train train.csv --exclude order --detectors md --labels country
            skood bench --suite sets --detectors knn md --output compared
        """,
    )
    rows = bench.add_mutually_exclusive_group(required=True)
    add_training_rows(rows, f"{TABLES}; NPY, NPZ", required=False)
    rows.add_argument(
        "--suite",
        type=Path,
        metavar="DIR",
        help="folder of many sets with official splits: NPZ files with X_train, X_test and y_test "
        "(+1 in-distribution, -1 not); the detectors are ranked over all of them",
    )
    bench.add_argument(
        "--output", type=Path, metavar="DIR", help="folder for the files, made if missing"
    )
    add_report(bench, "the comparison, with pictures")
    add_escape(bench)
    _add_labels(bench)
    _add_comparison(bench)
    _add_reading(bench)
    add_talking(bench)
    bench.set_defaults(run=partial(run, bench))


def _add_labels(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("labels")
    group.add_argument(
        "--labels",
        metavar="NAME",
        help=(
            "the column with the labels; for an NPZ file, the array (default: y, if there is one); "
            "for an NPY file, another NPY file"
        ),
    )
    group.add_argument(
        "--in-label",
        metavar="LABEL",
        help="rows with this label are in-distribution (+1), all others are out-of-distribution "
        "(-1)",
    )
    group.add_argument(
        "--clusters",
        type=several,
        metavar="N",
        help="read no labels and leave out N clusters in turn (default without labels: 8)",
    )


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--detectors",
        nargs="+",
        choices=DETECTORS,
        default=list(DEFAULT_DETECTORS),
        metavar="NAME",
        help=f"some of {', '.join(DETECTORS)} (default: all but auto)",
    )
    group.add_argument(
        "--splits",
        type=count,
        metavar="N",
        help="number of folds (default: one for each class, at most 10; without classes 5)",
    )
    add_settings(group)
    add_preparation(group)
    group.add_argument(
        "--max-rows",
        type=count,
        metavar="N",
        help="take N rows at random, if there are more",
    )
    group.add_argument(
        "--resamples",
        type=count_or_zero,
        default=500,
        metavar="N",
        help="resamples for the intervals over rows; 0: no intervals over rows (default: 500)",
    )
    group.add_argument(
        "--jobs",
        type=count,
        metavar="N",
        help="number of processes for the sets of --suite (default: 1)",
    )
    group.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="seed of all random draws (default: 0)"
    )


def _add_reading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--array", metavar="NAME", help="name of the array in an NPZ file (default: X)"
    )
    group.add_argument(
        "--exclude",
        "--id-column",  # as errors name it
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="leave out these columns, such as a column that identifies rows",
    )
    add_text_format(group)


def run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    """Compare, print, and write the files."""
    from ._options import (
        BenchOutputs,
        ComparisonOptions,
        LabelOptions,
        PreparationOptions,
        SuiteOptions,
        pick,
    )
    from ._speaking import Voice, plain_errors

    values = vars(arguments)
    voice = pick(Voice, values)
    _refuse_other_options(parser, arguments)
    if arguments.suite is not None:
        with plain_errors(voice, arguments.output):
            from ._bench_suite import run_suite

            suite, comparison = pick(SuiteOptions, values), pick(ComparisonOptions, values)
            run_suite(suite, comparison, pick(BenchOutputs, values), voice)
        return 0
    with plain_errors(voice, arguments.output):
        from ._bench_rows import read_bench_rows
        from ._bench_run import run_bench
        from .files import ReadingOptions

        labels = pick(LabelOptions, values)
        comparison = pick(ComparisonOptions, values)
        preparation = pick(PreparationOptions, values)
        reading = pick(ReadingOptions, values)
        data = read_bench_rows(
            arguments.train, reading, labels, tuple(arguments.exclude), preparation
        )
        run_bench(data, labels, comparison, preparation, pick(BenchOutputs, values), voice)
    return 0


def _refuse_other_options(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Raise for options that do not apply."""
    from ._errors import UsageError

    for action in given_options(parser, arguments):
        option = action.option_strings[0]
        if arguments.suite is not None and action.dest not in _OF_SUITE:
            raise UsageError(
                f"{option} is for the rows of one file, and --suite gives a folder of sets with "
                "official splits."
            )
        if arguments.suite is None and action.dest == "jobs":
            raise UsageError(f"{option} is for the sets of --suite, and --train gives one file.")
