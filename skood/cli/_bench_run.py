"""Carries out `skood bench`: read, compare, print, write."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skood._optional import is_installed
from skood._version import __version__
from skood.cli.compare import (
    Comparison,
    Protocol,
    choose_protocol,
    compare_detectors,
    comparison_markdown,
    draw_comparison,
    write_comparison_csv,
)
from skood.storage.whole_file import written_whole

from ._assembly import assemble
from ._bench_rows import BenchRows, read_bench_rows
from ._errors import UsageError
from ._speaking import check_output, say
from ._step_line import StepLine

REPORT, NUMBERS, PICTURE = "bench.md", "bench.csv", "bench.png"
DPI = 120


def run_bench(arguments: argparse.Namespace) -> None:
    """Compare the detectors on the rows that the arguments name.

    Parameters
    ----------
    arguments : Namespace
        Of the command.

    Raises
    ------
    UsageError, ValueError, OSError
        If options do not fit, rows cannot be used, or files cannot be written.
    """
    data = read_bench_rows(arguments).sample(arguments.max_rows, arguments.seed)
    protocol = _protocol(data, arguments)
    if arguments.output is not None:
        arguments.output.mkdir(parents=True, exist_ok=True)
        check_output(arguments.output / REPORT, [])
    assembled = partial(
        assemble,
        layout=data.layout,
        missing=arguments.missing if data.layout.kind == "table" else "refuse",
        scale=arguments.scale,
        seed=arguments.seed,
    )
    with StepLine(quiet=arguments.quiet) as line:
        found = compare_detectors(
            data.rows,
            data.labels,
            {name: partial(assembled, name) for name in dict.fromkeys(arguments.detectors)},
            protocol,
            X_clusters=_numbers(data, assembled) if protocol.kind == "clusters" else None,
            n_bootstrap=arguments.resamples,
            random_state=arguments.seed,
            on_step=line.show,
        )
    text = comparison_markdown(found, arguments.data.name, _facts(data, arguments))
    print(text, end="")
    if arguments.output is not None:
        _write(arguments, text, found)


def _protocol(data: BenchRows, arguments: argparse.Namespace) -> Protocol:
    protocol = choose_protocol(
        data.labels,
        n_splits=arguments.splits,
        n_clusters=arguments.clusters,
        random_state=arguments.seed,
    )
    if protocol.kind == "labelled" and protocol.splitter.n_splits < 2:
        raise UsageError("--splits must be 2 or more where rows are labelled +1 and -1. Got 1.")
    return protocol


def _numbers(data: BenchRows, assembled: Any) -> Any:
    """The rows as numbers, to find clusters in: categories encoded, gaps filled."""
    if data.layout.kind != "table":
        return data.rows
    before = assembled("knn")[:-1]
    return before.fit_transform(data.rows) if len(before) else data.rows


def _facts(data: BenchRows, arguments: argparse.Namespace) -> list[str]:
    """What the rows are, and what the detectors got."""
    n_rows = len(data.rows)
    rows = f"{n_rows:,} rows of {data.layout.width:,} columns"
    if n_rows < data.file_rows:
        rows += f", drawn at random from {data.file_rows:,}"
    if data.labels is not None:
        n_labels = len(np.unique(data.labels))
        rows += f"; labels {data.label_name!r} with {n_labels:,} different values"
        if arguments.in_label is not None:
            rows += f", {arguments.in_label!r} for +1 and all others for -1"
    facts = [f"Rows: {rows}."]
    if data.labels is not None and set(np.unique(data.labels).tolist()) == {0, 1}:
        facts.append(
            "The labels 0 and 1 are taken for two classes. If one of them means in-distribution, "
            "name it by --in-label."
        )
    scale = {
        "auto": "columns are standardised, but for `embedding`, which whitens them",
        "standard": "columns are standardised",
        "none": "columns are as they are in the file, but for `embedding`, which whitens them",
    }[arguments.scale]
    facts.append(
        f"Detectors: as `skood detect --detector NAME` fits them; {scale} (--scale "
        f"{arguments.scale}). skood {__version__}, seed {arguments.seed}."
    )
    return facts


def _write(arguments: argparse.Namespace, text: str, found: Comparison) -> None:
    folder: Path = arguments.output
    with written_whole(folder / REPORT) as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_comparison_csv(folder / NUMBERS, found)
    written = [REPORT, NUMBERS]
    if is_installed("matplotlib"):
        figure = draw_comparison(found, arguments.data.name)
        with written_whole(folder / PICTURE) as temporary:
            figure.savefig(temporary, dpi=DPI)
        written.append(PICTURE)
    else:
        say(arguments, 'no picture: pip install "skood[plots]" adds it')
    say(arguments, f"written to {folder}: {', '.join(written)}")
