"""What an answer consists of, and how it finds its table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..chart import Chart
from ..tables import Table

Tables = Sequence[Table]


@dataclass(frozen=True)
class Answer:
    """One sentence with its figures, what speaks against it, and a picture."""

    sentence: str
    losses: str
    chart: Chart

    def __str__(self) -> str:
        return f"**{self.sentence}** {self.losses}"


@dataclass(frozen=True)
class Question:
    """The question of a page, as its title, and the function that answers it."""

    title: str
    answer: Callable[[Tables], Answer]


def table(tables: Tables, section: str = "", column: str = "") -> Table:
    """The first table whose section begins so and that has this column."""
    for one in tables:
        if one.section.startswith(section) and (not column or column in one.head):
            return one
    raise ValueError(f"The page has no table below {section!r} with the column {column!r}.")


def best(values: Mapping[str, float], names: Iterable[str] | None = None) -> str:
    """The name with the highest value."""
    return max(values if names is None else names, key=values.__getitem__)


def peers(values: Iterable[str]) -> list[str]:
    """The detectors of PyOD and scikit-learn among these."""
    return [name for name in values if name.startswith(("PyOD", "sklearn", "scikit-learn"))]
