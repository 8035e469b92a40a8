"""A comparison over sets whose finished cells are kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from _common.report import say
from skood.comparison import SetFacts, SuiteComparison, SuiteSet, compare_on_suite


class _Cell(NamedTuple):
    auroc: float
    fit_seconds: float
    score_seconds: float
    failure: str | None


def measured(
    sets: Sequence[SuiteSet], detectors: Mapping[str, Callable[[], Any]], cache: Path
) -> SuiteComparison:
    """As `compare_on_suite`; each line of the cache is a set, a detector and its cell."""
    cells = _read(cache)
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.open("a", encoding="utf-8") as file:
        for number, one in enumerate(sets, 1):
            missing = {n: make for n, make in detectors.items() if (one.name, n) not in cells}
            if missing:
                for name, cell in _cells(one, missing).items():
                    cells[one.name, name] = cell
                    file.write(json.dumps([one.name, name, *cell]) + "\n")
                file.flush()
                say(f"{cache.stem}: {number} of {len(sets)}")
    table = [[cells[one.name, name] for one in sets] for name in detectors]
    return SuiteComparison(
        detectors=tuple(detectors),
        sets=tuple(_facts(one) for one in sets),
        failures={
            (name, one.name): cell.failure
            for name, row in zip(detectors, table, strict=True)
            for one, cell in zip(sets, row, strict=True)
            if cell.failure is not None
        },
        auroc=np.array([[cell.auroc for cell in row] for row in table]),
        fit_seconds=np.array([[cell.fit_seconds for cell in row] for row in table]),
        score_seconds=np.array([[cell.score_seconds for cell in row] for row in table]),
    )


def _cells(one: SuiteSet, detectors: Mapping[str, Callable[[], Any]]) -> dict[str, _Cell]:
    try:
        found = compare_on_suite([one], detectors)
    except ValueError as error:  # every detector fails
        return dict.fromkeys(detectors, _Cell(0.5, np.nan, np.nan, str(error)))
    numbers = np.column_stack([found.auroc, found.fit_seconds, found.score_seconds]).tolist()
    return {
        name: _Cell(*line, found.failures.get((name, one.name)))
        for name, line in zip(detectors, numbers, strict=True)
    }


def _read(cache: Path) -> dict[tuple[str, str], _Cell]:
    lines = cache.read_text(encoding="utf-8").splitlines() if cache.exists() else []
    rows = [json.loads(line) for line in lines]
    return {(row[0], row[1]): _Cell(*row[2:]) for row in rows}


def _facts(one: SuiteSet) -> SetFacts:
    n_in = int(one.is_in.sum())
    shape = one.X_train.shape
    return SetFacts(one.name, one.group, shape[0], shape[1], n_in, len(one.is_in) - n_in)
