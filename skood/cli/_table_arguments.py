"""Arguments that several commands share. Nothing heavy is imported for them."""

import argparse
from pathlib import Path
from typing import Any

from .arguments import (
    count,
    count_or_zero,
    delimiter,
    encoding,
    html_file,
    seed,
    setting,
    share,
    share_or_none,
)

DETECTORS = ("tabular", "auto", "embedding", "lcp", "knn", "lof", "kd", "md")
MISSING = ("refuse", "median", "mean", "most_frequent", "expected")
DATES = ("exclude", "parts")
SCALES = ("auto", "standard", "none")
FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow", "npy", "npz")
RESULT_ENDINGS = (
    *(".csv", ".csv.gz", ".csv.zst", ".tsv", ".jsonl"),
    *(".parquet", ".arrow", ".feather"),
)
TABLES = "CSV, TSV or JSON lines (also .gz, .zst), Parquet (also a folder), Arrow; -: stdin"
FILES = f"{TABLES}; NPY, NPZ; folder of images"


def add_training_rows(parser: Any, files: str = FILES, *, required: bool = True) -> None:
    """Add the file of training rows, under the name that it has in all commands."""
    parser.add_argument(
        "--train", type=Path, required=required, metavar="FILE", help=f"training rows: {files}"
    )


def add_new_rows(parser: argparse.ArgumentParser) -> None:
    """Add the file of rows to score, under the name that it has in all commands."""
    parser.add_argument(
        "--new", type=Path, required=True, metavar="FILE", help=f"rows to score: {FILES}"
    )


def add_columns(parser: argparse.ArgumentParser, *, of_new_rows: bool = True) -> None:
    """Add the options that name columns which are no features."""
    group = parser.add_argument_group("columns")
    group.add_argument(
        "--id-column",
        metavar="NAME",
        help="identifies each row: copied to the output, no feature (default: row numbers)",
    )
    group.add_argument(
        "--exclude",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="leave out these columns",
    )
    if of_new_rows:
        group.add_argument(
            "--ignore-extra",
            action="store_true",
            help="leave out columns that the training rows lack (default: refuse them)",
        )


def add_fitting(parser: argparse.ArgumentParser) -> None:
    """Add the options of the fit."""
    group = parser.add_argument_group("detector")
    group.add_argument(
        "--detector",
        choices=DETECTORS,
        default="tabular",
        help=(
            "tabular: several views of standardised columns; auto: these, chosen by the tails of "
            "the columns; embedding: whitened features of a network; or a single measure, on "
            "standardised columns (default: tabular)"
        ),
    )
    group.add_argument(
        "--alpha",
        type=share_or_none,
        default=0.05,
        metavar="A",
        help=(
            "largest share of false alarms on normal rows, by p-values; none: make no p-values, "
            "and flag rows that score below 95 %% of the training rows (default: 0.05)"
        ),
    )
    group.add_argument(
        "--calibration-size",
        type=share,
        default=0.25,
        metavar="S",
        help="share of the training rows to hold out as calibration rows (default: 0.25)",
    )
    group.add_argument(
        "--robust",
        action="store_true",
        help="for training rows that are not clean: leave out the 5 %% least typical, and compare "
        "with more neighbours (tabular, auto, lcp, embedding)",
    )
    add_settings(group)
    add_preparation(group)
    group.add_argument(
        "--features",
        type=Path,
        metavar="TRANSFORMER",
        help="saved transformer (skood.save) that makes features of images or arrays",
    )
    group.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="seed of all random draws (default: 0)"
    )


def add_settings(group: Any) -> None:
    """Add the parameters of the detector."""
    group.add_argument(
        "--set",
        type=setting,
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help=(
            "a parameter of the detector, such as n_neighbors=30, or of another step, such as "
            "partialwhitener__power=1.0; may be given several times"
        ),
    )


def add_preparation(group: Any) -> None:
    """Add the options that prepare columns for a detector."""
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
            "fill missing numbers with this value of the training rows, and make missing texts a "
            "category; expected: treat missing cells as values drawn at random (default: refuse "
            "missing values)"
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
        "--feature",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="columns that are features, though they look like row numbers",
    )
    group.add_argument(
        "--max-categories",
        type=count,
        metavar="N",
        help=(
            "largest number of different texts in a column (default: one for five rows, at most "
            "1,000)"
        ),
    )
    group.add_argument(
        "--dates",
        choices=DATES,
        default="exclude",
        help="exclude: leave dates out; parts: time of day, weekday, season and age as features",
    )
    group.add_argument(
        "--schema",
        type=Path,
        metavar="FILE",
        help="TOML or JSON file that describes columns (skood info --schema); skood guesses the "
        "others",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to read files."""
    group = parser.add_argument_group("reading")
    add_text_format(group)
    group.add_argument(
        "--array", metavar="NAME", help="name of the array in an NPZ file (default: X)"
    )
    group.add_argument(
        "--trust",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="types and networks in saved files whose code may run, such as mynets:LeNet",
    )
    group.add_argument(
        "--rows",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="rows on disk that a saved detector reads: their path in its file, or PATH=NEW-PATH",
    )


def add_text_format(group: Any) -> None:
    """Add the options that say how to read CSV files."""
    group.add_argument(
        "--format",
        choices=FORMATS,
        help="format of stdin and of files with another ending (default: detected)",
    )
    group.add_argument(
        "--encoding", type=encoding, default="utf-8", help="encoding of CSV files (default: utf-8)"
    )
    group.add_argument(
        "--delimiter",
        type=delimiter,
        metavar="CHARACTER",
        help="delimiter of CSV files; tab: a tab (default: a comma, or a tab in .tsv files)",
    )
    group.add_argument(
        "--decimal",
        choices=(".", ","),
        metavar="MARK",
        help="the decimal mark of numbers in text: . or , (default: detected)",
    )
    group.add_argument(
        "--thousands",
        choices=(".", ",", " ", "'"),
        metavar="MARK",
        help=(
            "the mark between thousands: a point, a comma, an apostrophe, or a space, which stands "
            "for all spaces (default: detected)"
        ),
    )
    group.add_argument(
        "--na",
        nargs="+",
        action="extend",
        default=[],
        metavar="TEXT",
        help="further texts for a missing value in CSV files, besides NA, n/a, NaN, null and "
        "others",
    )
    group.add_argument(
        "--no-header",
        dest="header",
        action="store_false",
        help="the first line of CSV files is a row",
    )


def add_writing(parser: argparse.ArgumentParser) -> None:
    """Add the options of the results."""
    parser.add_argument(
        "--output",
        type=_results_file,
        required=True,
        metavar="FILE",
        help=f"file for the scores ({', '.join(RESULT_ENDINGS)}); -: stdout, as CSV",
    )
    parser.add_argument(
        "--explain",
        type=count_or_zero,
        default=0,
        metavar="N",
        help="add the N columns that lower each row's score most, and by how much",
    )
    add_escape(parser)
    parser.add_argument(
        "--block-rows",
        type=count,
        metavar="N",
        help="score N rows at a time (default: by their width, at most 65,536)",
    )


def add_report(parser: argparse.ArgumentParser, about: str) -> None:
    """Add the option of a report as a page."""
    parser.add_argument(
        "--report",
        type=html_file,
        metavar="FILE",
        help=f"also write a page about {about}: one HTML file, readable without a network",
    )


def add_alarms(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide over all rows of the file."""
    group = parser.add_argument_group("alarms")
    group.add_argument("--fail-on-ood", action="store_true", help="exit with 1 if a row is flagged")
    group.add_argument(
        "--fail-above",
        type=share,
        metavar="SHARE",
        help="exit with 1 if more than this share of the rows is flagged",
    )
    group.add_argument(
        "--control",
        choices=("marginal", "fdr"),
        default="marginal",
        help=(
            "marginal: up to a share alpha of false alarms on normal rows; fdr: up to a share "
            "alpha of false alarms among the flagged rows; reads the file twice (default: marginal)"
        ),
    )
    group.add_argument(
        "--batch-test",
        type=share,
        metavar="ALPHA",
        help=(
            "exit with 4 if the rows together differ from the training rows: stranger, too typical "
            "or alike, repeated, or different in a column. ALPHA: probability of a false alarm"
        ),
    )


def add_escape(parser: argparse.ArgumentParser) -> None:
    """Add the option for files that someone opens in a spreadsheet."""
    parser.add_argument(
        "--escape-formulas",
        action="store_true",
        help=(
            "write an apostrophe before texts that a spreadsheet would run: texts that begin with "
            "=, +, - or @ and are not numbers (CSV)"
        ),
    )


def add_talking(parser: argparse.ArgumentParser) -> None:
    """Add the options for the amount of output."""
    parser.add_argument("--quiet", action="store_true", help="print only errors and warnings")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _results_file(text: str) -> Path:
    path = Path(text)
    if text != "-" and not text.lower().endswith(RESULT_ENDINGS):
        raise argparse.ArgumentTypeError(
            f"must end in {', '.join(RESULT_ENDINGS)}, or be -. Got {text!r} instead."
        )
    return path
