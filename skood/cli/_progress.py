"""How far the work is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from skood._optional import is_installed

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(
    total: int, *, done: int = 0, unit: str = "rows", quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr, with the time that is left.

    Parameters
    ----------
    total : int
        About how many there are.
    done : int, default=0
        How many of them an earlier run has done.
    unit : str, default="rows"
        What they are.
    quiet : bool, default=False
        Show nothing.

    Yields
    ------
    callable
        To be called with the number that is done in all.
    """
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty() and is_installed("rich"):
        with _bar(total, done, unit) as update:
            yield update
    else:
        yield _Lines(total, done, unit)


@contextmanager
def _bar(total: int, done: int, unit: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    start, before = perf_counter(), done
    columns = (
        TextColumn("scoring"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )

    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, completed=done, count=f"{done:,} {unit}")

        def update(now: int) -> None:
            rate = (now - before) / (perf_counter() - start)
            bar.update(
                task,
                completed=now,
                total=max(total, now),
                count=f"{now:,} {unit}, {rate:,.0f} a second",
            )

        yield update


class _Lines:
    """A line after each while: nothing in a log needs to be drawn over."""

    def __init__(self, total: int, done: int, unit: str) -> None:
        self._total, self._before, self._unit = total, done, unit
        self._start = self._last = perf_counter()

    def __call__(self, done: int) -> None:
        now = perf_counter()
        if now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = (done - self._before) / (now - self._start)
        left = max(0, self._total - done) / rate
        total = max(self._total, done)
        print(
            f"scored {done:,} of about {total:,} {self._unit} ({done / total:.0%}), "
            f"{rate:,.0f} a second, {duration(left)} left",
            file=sys.stderr,
            flush=True,
        )


def duration(seconds: float) -> str:
    """A time as one reads it.

    Examples
    --------
    >>> from skood.cli._progress import duration
    >>> duration(75.2), duration(7322), duration(3.04)
    ('1:15 min', '2:02 h', '3 s')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d} h"
