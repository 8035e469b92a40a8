"""Carries out `skood check`: reads a table once, and prints all findings."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skood.preprocessing.table_checks import ADVICE, other_range, side_outside
from skood.preprocessing.table_columns import RawColumn
from skood.preprocessing.table_dates import days_since_1970
from skood.preprocessing.table_findings import Finding, counted, mending
from skood.preprocessing.table_values import ColumnError, typed_values

from ._errors import UsageError, shown
from ._fitted import load_fitted
from ._inputs import check_one_stdin, open_input
from ._matching import without_extra
from ._options import PreparationOptions
from ._report import print_pairs
from ._speaking import Voice
from .files import (
    ColumnRoles,
    ReadingOptions,
    RowLayout,
    TableError,
    adapted,
    check_named_columns,
    examined,
    gap_findings,
    outside,
)

_BAD_DATA = 3
_SHOWN = 5


@dataclass(frozen=True)
class CheckTask:
    """One call of the command."""

    file: Path
    against: Path | None
    trust: tuple[str, ...]
    reading: ReadingOptions
    roles: ColumnRoles
    preparation: PreparationOptions
    given: tuple[str, ...]  # options, as the command that follows takes them
    voice: Voice


def check(task: CheckTask) -> int:
    """Carry out the command, and give its exit status."""
    check_one_stdin(task.file, task.against)
    source = _open_table(task, task.file)
    if task.against is None:
        layout, raw, findings = _examined(task, source)
        problems = [finding.sentence(source.name) for finding in findings]
        command = ["skood", "fit", "--train", str(task.file), "--save", "detector.skood"]
        for_all = shlex.join([*command, *task.given])
        return _print(source.name, layout, raw, problems, f"{for_all} {mending(findings)}".strip())
    if task.against.suffix == ".skood" and task.preparation.schema:
        raise UsageError(f"--schema describes training rows, and {task.against.name} has its own.")
    if task.against.suffix == ".skood":
        layout, findings, problems = load_fitted(task.against, task.trust).layout, [], []
        command = ["skood", "score", str(task.against), "--new", str(task.file)]
    else:
        training = _open_table(task, task.against)
        layout, _, findings = _examined(task, training)
        problems = [finding.sentence(training.name) for finding in findings]
        command = ["skood", "detect", "--train", str(task.against), "--new", str(task.file)]
    names = [name for name in layout.features if name in source.columns]
    raw = source.raw_columns(names)
    problems += _differences(layout, source, raw, task)
    if source.doubt is not None:
        findings.append(source.doubt)
        problems.append(source.doubt.sentence(source.name))
    for_all = shlex.join([*command, "--output", "scores.csv", *task.given])
    command_line = f"{for_all} {mending(findings)}".strip()
    return _print(source.name, layout, raw, problems, command_line)


def _open_table(task: CheckTask, path: Path) -> Any:
    source = open_input(path, task.reading, task.voice, images=False)
    if source.columns is None:
        raise UsageError(f"skood check reads tables, and {source.name} has no named columns.")
    return source


def _examined(task: CheckTask, source: Any) -> tuple[RowLayout, list[RawColumn], list[Finding]]:
    """The layout of a file of training rows, its columns, and all findings."""
    roles, known = task.preparation.roles(task.roles), [*task.preparation.known]
    check_named_columns(source.name, "--schema", known, source.columns)
    options = task.preparation.table(roles.id_column, roles.exclude, task.reading)
    columns, raw, schema, findings = examined(source, options)
    if task.preparation.missing == "refuse":
        findings = [*findings, *gap_findings(schema, len(raw[0]))]
    return RowLayout.of(schema, columns, options), raw, findings


def _differences(
    layout: RowLayout, source: Any, raw: Sequence[RawColumn], task: CheckTask
) -> Iterator[str]:
    """The differences between the rows of a file and the training rows."""
    layout = without_extra(layout.with_roles(task.roles), source, task.roles, task.voice)
    try:
        layout.check_columns(source.name, source.columns, source.own_index)
    except TableError as error:
        yield str(error)
    for column in raw:  # each on its own, so that all are told
        try:
            alone = replace(layout, numbers=(column.name,), categories=())
            known = layout if column.name in layout.categories else alone
            marks = task.reading.decimal, task.reading.thousands
            column = column.without(known.column(column.name).na)
            known, notes = adapted(known, [column], source.name, *marks)
            for note in notes:
                task.voice.say(note)
            values = typed_values(column, known.column(column.name))
        except ColumnError as error:
            yield error.sentence(source.name)
        except TableError as error:
            yield str(error)
        else:
            yield from _of_values(layout, column, values, source.name, task.preparation.missing)


def _of_values(
    layout: RowLayout, column: RawColumn, values: Any, file: str, missing: str
) -> Iterator[str]:
    known, of = layout.column(column.name), f"The column {column.name!r} of {file}"
    if column.n_missing and missing == "refuse" and not known.missing:
        gaps = counted(column.n_missing, "value")
        yield f"{of} lacks {gaps}: fill them with --missing median in the fit."
    if known.kind == "date":
        values = days_since_1970(values)
    elif known.kind != "number":
        texts = {text for text in values if text is not None}
        new = sorted(texts - set(known.categories)) if known.categories else []
        if new:
            count = sum(text in set(new) for text in values)
            few = ", ".join(map(repr, new[:_SHOWN]))
            yield f"{of} has categories in {counted(count, 'row')} that no training row has: {few}."
        return
    if outside(layout, [column]):
        yield (
            f"{of} lies outside the range of the training rows in all rows, and rises or falls "
            f"from row to row there: leave it out with --exclude {shlex.quote(column.name)}, or "
            f"keep it with --feature {shlex.quote(column.name)}."
        )
    elif known.low is not None and known.high is not None:
        side = side_outside(values, known.low, known.high)
        if side:
            yield f"{of} {other_range(known, side)}: {ADVICE}."
    if np.isinf(values).any():
        where = counted(int(np.isinf(values).sum()), "row")
        yield f"{of} has infinite values in {where}: correct them."


def _print(
    file: str, layout: RowLayout, raw: Sequence[RawColumn], problems: Sequence[str], command: str
) -> int:
    """Print the columns, the findings and the command that answers them; give the exit status."""
    print(f"{shown(file)}: {counted(len(raw[0]) if raw else 0, 'row')}")
    if layout.schema:
        print_pairs([(c.name, c.describe()) for c in layout.schema])
    for problem in problems:
        print(f"- {shown(problem)}")
    print(counted(len(problems), "finding") if problems else "nothing to decide")
    print(f"\n{shown(command)}")
    return _BAD_DATA if problems else 0
