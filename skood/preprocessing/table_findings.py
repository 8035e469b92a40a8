"""The questions about a table in words, for the command line and for Python."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from unicodedata import normalize

_LONGEST = 40
_ALIKE = 0.8  # of the letters of two names


def shortened(text: str) -> str:
    """A value for a sentence: the beginning of a long one."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def counted(n: int, noun: str, nouns: str = "") -> str:
    """A number of things: "1 date", "2 dates"; `nouns` is a plural without "s"."""
    return f"{n:,} {noun if n == 1 else nouns or noun + 's'}"


def did_you_mean(names: Sequence[str], columns: Sequence[str]) -> str:
    """The question "Did you mean ...?" for columns with similar names; "" without any."""
    plain = {_plainly(column): column for column in columns if column not in names}
    near = {name: get_close_matches(_plainly(name), plain, 1, _ALIKE) for name in names}
    pairs = [f"{plain[found[0]]!r} for {name!r}" for name, found in near.items() if found]
    return f" Did you mean {', '.join(pairs)}?" if pairs else ""


def _plainly(name: str) -> str:
    """A name without case, spaces around it, and signs between its words."""
    return re.sub(r"[\W_]+", " ", normalize("NFKC", name)).strip().casefold()


class ColumnError(ValueError):
    """A column does not hold values of its kind in the training rows.

    Parameters
    ----------
    column, problem : str
        Its name, and the fault as a clause after the name.
    row : int or None, default=None
        Position of the first such row.
    odd : str, default=""
        Its value.
    """

    def __init__(self, column: str, problem: str, row: int | None = None, odd: str = "") -> None:
        self.column, self.problem, self.row, self.odd = column, problem, row, odd
        super().__init__(self.sentence())

    def sentence(self, file: str = "", start: int = 0) -> str:
        """The error in one sentence; `start` rows of the file come before."""
        of = f" of {file}" if file else ""
        return f"The column {self.column!r}{of} {self.clause(start)}."

    def clause(self, start: int = 0) -> str:
        """The fault and its place."""
        if self.row is None:
            return self.problem
        return f"{self.problem}, first in row {start + self.row + 1:,}: {shortened(self.odd)!r}"


@dataclass(frozen=True)
class Remedy:
    """An option that decides on a column.

    Attributes
    ----------
    advice : str
        The effect of the option.
    option : str
        Name of the option, as in Python; "" if no option does it.
    value : str
        Its value.
    """

    advice: str
    option: str
    value: str

    def shown(self, *, command: bool) -> str:
        """The option as text for the command line or for Python."""
        if not self.option:
            return ""
        if command:
            return f"--{self.option.replace('_', '-')} {shlex.quote(self.value)}"
        if self.option in ("exclude", "categorical", "feature"):
            return f"{self.option.replace('feature', 'features')}={[self.value]}"
        is_text = self.option not in ("max_categories", "schema")
        return f"{self.option}={self.value!r}" if is_text else f"{self.option}={self.value}"


@dataclass(frozen=True)
class Finding:
    """A column that needs a decision.

    Attributes
    ----------
    column : str
        Its name; "" for the whole file.
    problem : str
        The fault, as a clause after the name.
    remedies : tuple of Remedy
        The possible decisions, the likeliest first.
    is_error : bool
        Whether the column cannot be a feature at all; else it is probably none.
    kind : str
        The kind of the column, if some of its values are of another kind.
    """

    column: str
    problem: str
    remedies: tuple[Remedy, ...]
    is_error: bool = True
    kind: str = "number"

    def sentence(self, file: str = "", *, command: bool = True) -> str:
        """The finding and its remedies in one sentence."""
        of = f" of {file}" if file else ""
        subject = f"The column {self.column!r}{of}" if self.column else file
        advice = ", or ".join(
            f"{r.advice} with {r.shown(command=command)}" if r.option else r.advice
            for r in self.remedies_for(command=command)
        )
        return f"{subject} {self.problem}: {advice}."

    def remedies_for(self, *, command: bool) -> list[Remedy]:
        """The remedies of the command line or of Python, each once."""
        if command:
            return list(self.remedies)
        return list(dict.fromkeys(_in_python(r, self.column, self.kind) for r in self.remedies))


def all_sentences(file: str, findings: Sequence[Finding], *, command: bool = True) -> str:
    """All findings in one sentence, with options that decide all of them."""
    if len(findings) == 1:
        return findings[0].sentence(file, command=command)
    problems = "; ".join(
        f"{f.column!r} {f.problem}" if f.column else f"it {f.problem}" for f in findings
    )
    mended, n = mending(findings, command=command), len(findings)
    needs = f"{n:,} columns of {file or 'X'} need a decision"
    if not all(finding.column for finding in findings):
        needs = f"{file} needs {n:,} decisions"
    return f"{needs}: {problems}; decide with, for instance, {mended}."


def mending(findings: Sequence[Finding], *, command: bool = True) -> str:
    """The likeliest option for each finding; one column at most identifies rows."""
    shown: list[str] = []
    for finding in findings:
        remedy = next(r for r in finding.remedies_for(command=command) if r.option)
        if remedy.option == "id_column" and any("id" in option[:5] for option in shown):
            remedy = replace(remedy, option="exclude")
        shown.append(remedy.shown(command=command))
    return (" " if command else ", ").join(dict.fromkeys(shown))


def _in_python(remedy: Remedy, column: str, kind: str) -> Remedy:
    """The parameter of `TableScaler`, which has no ids and no marks of missing values by column."""
    if remedy.option == "id_column":
        return left_out(column)
    if remedy.option == "na":
        told = {column: {"kind": kind, "na": [remedy.value]}}
        return replace(remedy, option="schema", value=str(told))
    return remedy


def left_out(column: str) -> Remedy:
    """Leave the column out."""
    return Remedy("leave it out", "exclude", column)


def identifies(column: str) -> Remedy:
    """Let the column identify rows."""
    return Remedy("let it identify the rows", "id_column", column)


def corrected() -> Remedy:
    """Correct a value, which no option does."""
    return Remedy("correct one of them", "", "")


def kept(column: str) -> Remedy:
    """Keep the column as a feature."""
    return Remedy("keep it as a feature", "feature", column)


def as_categories(column: str) -> Remedy:
    """Treat the values as categories."""
    return Remedy("treat its values as categories", "categorical", column)
