"""Carries out `skood bench`: compare, print, write."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skood._version import __version__
from skood.cli.compare.compare import compare_detectors
from skood.cli.compare.comparison import Comparison
from skood.cli.compare.figure import draw_comparison
from skood.cli.compare.plain_text import comparison_text
from skood.cli.compare.protocol import Protocol, choose_protocol
from skood.cli.compare.report import comparison_markdown
from skood.cli.compare.rows_csv import write_comparison_csv

from ._assembly import assemble
from ._bench_parts import detectors_of, files_in, write_files
from ._bench_report import bench_page
from ._bench_rows import BenchRows
from ._errors import UsageError, shown
from ._options import BenchOutputs, ComparisonOptions, LabelOptions, PreparationOptions
from ._outputs import write_report
from ._settings import wrong_values_named
from ._speaking import Voice
from ._step_lines import StepLine
from .html.settings import command_line


def run_bench(
    data: BenchRows,
    labels: LabelOptions,
    options: ComparisonOptions,
    preparation: PreparationOptions,
    outputs: BenchOutputs,
    voice: Voice,
) -> None:
    """Compare the detectors on rows, print the tables, and write the files."""
    data = data.sample(options.max_rows, options.seed)
    protocol = _protocol(data.labels, labels.clusters, options)
    folder = outputs.output
    with files_in(outputs, [data.path]):
        comparison = _compare(data, protocol, options, preparation, voice)
        facts = _facts(data, labels.in_label, preparation.scale, options.seed)
        if folder is not None:
            write_files(
                folder,
                comparison_markdown(comparison, data.name, facts),
                partial(
                    write_comparison_csv,
                    comparison=comparison,
                    escape_formulas=outputs.escape_formulas,
                ),
                partial(draw_comparison, comparison, data.name),
                voice,
            )
        if outputs.report is not None:
            made = [("command", command_line(outputs.argv))]
            page = bench_page(comparison, data.name, facts, made)
            write_report(outputs.report, page, voice)
        text = comparison_text(comparison, data.name, facts)
        print("\n".join(map(shown, text.split("\n"))), end="")


def _protocol(y: NDArray | None, n_clusters: int | None, options: ComparisonOptions) -> Protocol:
    protocol = choose_protocol(
        y, n_splits=options.splits, n_clusters=n_clusters, random_state=options.seed
    )
    if protocol.kind == "labelled" and protocol.splitter.n_splits < 2:
        raise UsageError(
            "--splits must be 2 or more if rows are labelled +1 and -1. Got 1 instead."
        )
    return protocol


def _compare(
    data: BenchRows,
    protocol: Protocol,
    options: ComparisonOptions,
    preparation: PreparationOptions,
    voice: Voice,
) -> Comparison:
    assembled = partial(
        assemble,
        layout=data.layout,
        missing=preparation.missing if data.layout.kind == "table" else "refuse",
        scale=preparation.scale,
        seed=options.seed,
    )
    detectors = detectors_of(options, assembled)
    with StepLine(quiet=voice.quiet) as line, wrong_values_named(options.settings):
        return compare_detectors(
            data.rows,
            data.labels,
            detectors,
            protocol,
            X_clusters=_numbers(data, assembled) if protocol.kind == "clusters" else None,
            n_bootstrap=options.resamples,
            random_state=options.seed,
            on_step=line.show,
        )


def _numbers(data: BenchRows, assembled: Any) -> Any:
    """The rows as numbers, to find clusters: categories encoded, missing values filled."""
    if data.layout.kind != "table":
        return data.rows
    before = assembled("knn")[:-1]
    return before.fit_transform(data.rows) if len(before) else data.rows


def _facts(data: BenchRows, in_label: str | None, scale: str, seed: int) -> list[str]:
    """Sentences on the rows and the detectors."""
    n_rows = len(data.rows)
    rows = f"{n_rows:,} rows of {data.layout.width:,} columns"
    if n_rows < data.file_rows:
        rows += f", drawn at random from {data.file_rows:,}"
    if data.labels is not None:
        n_labels = len(np.unique(data.labels))
        rows += f"; labels {data.label_name!r} with {n_labels:,} different values"
        if in_label is not None:
            rows += f", {in_label!r} for +1 and all others for -1"
    facts = [f"Rows: {rows}."]
    if data.labels is not None and set(np.unique(data.labels).tolist()) == {0, 1}:
        facts.append(
            "The labels 0 and 1 count as two classes. If one of them means in-distribution, name "
            "it with --in-label."
        )
    prepared = {
        "auto": "columns are standardised, except for `embedding`, which whitens them",
        "standard": "columns are standardised",
        "none": "columns are not scaled, except for `embedding`, which whitens them",
    }[scale]
    facts.append(
        f"Detectors: as `skood detect --detector NAME` fits them; {prepared} (--scale {scale}). "
        f"skood {__version__}, seed {seed}."
    )
    return facts
