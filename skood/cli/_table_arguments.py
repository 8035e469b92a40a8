"""Arguments that the commands on files of rows share. Nothing heavy is imported for them."""

import argparse
from pathlib import Path
from typing import Any

from .arguments import (
    count,
    count_or_zero,
    delimiter,
    encoding,
    seed,
    share,
    share_or_none,
)

DETECTORS = ("tabular", "embedding", "lcp", "knn", "lof", "kd", "md")
MISSING = ("refuse", "median", "mean", "most_frequent")
SCALES = ("auto", "standard", "none")
RESULT_ENDINGS = (".csv", ".parquet")
FILES = "CSV, TSV, Parquet, NPY or NPZ file, or folder of images"


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Which columns are no features."""
    group = parser.add_argument_group("columns")
    group.add_argument(
        "--id-column",
        metavar="NAME",
        help="says which row it is: no feature, copied to the output (default: the row's number)",
    )
    group.add_argument(
        "--exclude",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="leave out these columns",
    )


def add_fitting(parser: argparse.ArgumentParser) -> None:
    """How the detector is fitted."""
    group = parser.add_argument_group("detector")
    group.add_argument(
        "--detector",
        choices=DETECTORS,
        default="tabular",
        help=(
            "tabular: LCP on standardised columns; embedding: whitened features of a network; or a "
            "single measure, on standardised columns (default: tabular)"
        ),
    )
    group.add_argument(
        "--alpha",
        type=share_or_none,
        default=0.05,
        metavar="A",
        help=(
            "flag at most this share of rows that are like the training rows; none: no p-values, "
            "and flag what scores below 5 %% of the training rows (default: 0.05)"
        ),
    )
    group.add_argument(
        "--calibration-size",
        type=share,
        default=0.25,
        metavar="S",
        help="share of the training rows that p-values are counted in (default: 0.25)",
    )
    add_preparation(group)
    group.add_argument(
        "--features",
        type=Path,
        metavar="TRANSFORMER",
        help="saved transformer (skood.save) that makes features of images or arrays",
    )
    group.add_argument("--seed", type=seed, default=0, metavar="N", help="default: 0")


def add_preparation(group: Any) -> None:
    """How the columns are prepared for a detector."""
    group.add_argument(
        "--scale",
        choices=SCALES,
        default="auto",
        help="auto: standardise columns for all detectors but embedding, which whitens them",
    )
    group.add_argument(
        "--missing",
        choices=MISSING,
        default="refuse",
        help=(
            "fill missing numbers by this of the training rows; missing texts are a category of "
            "their own then (default: refuse)"
        ),
    )
    group.add_argument(
        "--categorical",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="columns whose numbers are names of categories",
    )
    group.add_argument(
        "--max-categories",
        type=count,
        default=200,
        metavar="N",
        help="how many different texts a column may have (default: 200)",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """What files do not say of themselves."""
    group = parser.add_argument_group("reading")
    add_text_format(group)
    group.add_argument("--array", metavar="NAME", help="which array of a .npz file (default: X)")
    group.add_argument(
        "--trust",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="types and networks in saved files whose code may run, such as mynets:LeNet",
    )


def add_text_format(group: Any) -> None:
    """How CSV files are written."""
    group.add_argument(
        "--encoding", type=encoding, default="utf-8", help="of CSV files (default: utf-8)"
    )
    group.add_argument(
        "--delimiter",
        type=delimiter,
        metavar="CHARACTER",
        help="of CSV files; tab: a tab (default: a comma, or a tab where the file is a .tsv)",
    )
    group.add_argument(
        "--no-header",
        dest="header",
        action="store_false",
        help="the first line of CSV files is a row already",
    )


def add_writing(parser: argparse.ArgumentParser) -> None:
    """What is written of each row."""
    parser.add_argument(
        "--output",
        type=_results_file,
        required=True,
        metavar="FILE",
        help=f"file for the scores, {' or '.join(RESULT_ENDINGS)}",
    )
    parser.add_argument(
        "--explain",
        type=count_or_zero,
        default=0,
        metavar="N",
        help="add the N columns that take most off each row's score, and how much",
    )
    parser.add_argument(
        "--fail-on-ood", action="store_true", help="exit with 1 where a row is flagged"
    )
    parser.add_argument(
        "--block-rows",
        type=count,
        metavar="N",
        help="rows that are scored at a time (default: by their width, 65,536 at most)",
    )


def add_talking(parser: argparse.ArgumentParser) -> None:
    """How much is said."""
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors and warnings")
    parser.add_argument("--debug", action="store_true", help="show where in the code errors arise")


def _results_file(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in RESULT_ENDINGS:
        raise argparse.ArgumentTypeError(
            f"must end in {' or '.join(RESULT_ENDINGS)}. Got {text!r} instead."
        )
    return path
