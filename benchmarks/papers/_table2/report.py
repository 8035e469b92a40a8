"""The table as Markdown, CSV and a picture, with the paper's values beside."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np

from _common.report import RESULTS, markdown_table
from _table2.table import METRICS, Table
from _table2.text import PROTOCOLS, conditions, notes, requirements


def write_markdown(table: Table) -> str:
    accuracies = ", ".join(f"{value:.2f}" for value in table.accuracies)
    parts = [
        conditions(table.task, table.n_nets, table.n_trained),
        f"Test accuracies: {accuracies} %.",
    ]
    wanted = requirements(table)
    if wanted:
        parts += ["## Requirements", wanted]
    parts += ["## Best", _best(table)]
    exposure = {"exposure": table.task.exposure_name, "epochs": table.task.exposure_epochs}
    for protocol in table.values:
        title, text = PROTOCOLS[protocol]
        parts += [f"## {title}", text.format(**exposure)]
        parts += [_protocol_table(table, protocol)]
    if len(table.sets) > 1:
        parts += ["## AUROC by set", _sets_table(table)]
    remarks = notes(table)
    if remarks:
        parts += ["## Remarks", remarks]
    return "\n\n".join(parts)


def _best(table: Table) -> str:
    lines = []
    for protocol in table.values:
        method = table.best(protocol)
        value = table.mean(protocol, method, table.sets[0])[0]
        lines.append(f"- {PROTOCOLS[protocol][0]}: {method}, AUROC {value:.2f}")
    return "\n".join(lines)


def _protocol_table(table: Table, protocol: str) -> str:
    # Each value stands beside the paper's, which has no FPR95.
    paired = [title for name in METRICS[:3] for title in (name, f"paper {name}")]
    head, rows = ["method", *paired, *METRICS[3:]], []
    for name in table.values[protocol]:
        cells = [_cell(column) for column in _columns(table, protocol, name, table.sets[0])]
        paper = table.task.paper.get(table.methods[name].paper)
        beside = [f"{value:.1f}" for value in paper] if paper else [""] * 3
        pairs = [cell for pair in zip(cells, beside, strict=False) for cell in pair]
        rows.append([name, *pairs, *cells[3:]])
    return markdown_table(head, rows)


def _sets_table(table: Table) -> str:
    rows = [
        [method, *(_cell(_columns(table, protocol, method, name)[0]) for name in table.sets)]
        for protocol in table.values
        for method in table.values[protocol]
    ]
    return markdown_table(["method", *table.sets], rows)


def _columns(table: Table, protocol: str, method: str, name: str) -> list[np.ndarray]:
    return list(np.array(table.values[protocol][method][name]).T)


def _cell(values: np.ndarray) -> str:
    """Mean ± standard deviation over the nets; of one net, its value."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{values.mean():.2f} ± {values.std(ddof=1):.2f}"


def write_csv(table: Table, name: str) -> None:
    """One line for each protocol, method, set and net."""
    with (RESULTS / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["protocol", "method", "set", "net", *METRICS])
        writer.writerows(_lines(table))


def _lines(table: Table) -> Iterator[list[str]]:
    for protocol, methods in table.values.items():
        for method, sets in methods.items():
            for name, nets in sets.items():
                for i, values in enumerate(nets):
                    yield [protocol, method, name, str(i), *(f"{v:.3f}" for v in values)]
