"""Progress on stderr: a bar or a line that is drawn over on a terminal, whole lines elsewhere."""

from __future__ import annotations

import shutil
import sys
from time import perf_counter
from typing import Any, Self, TextIO

from .._optional import is_installed

_CLEAR = "\r\x1b[K"


class StatusLine:
    """Lines on a stream, stderr by default; a terminal can show a line until the next one."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream, self._quiet = stream or sys.stderr, quiet
        self.on_terminal = self._stream.isatty()

    def draw(self, text: str) -> None:
        """Show a line until the next one; a file or a pipe gets nothing."""
        if self.on_terminal:
            width = shutil.get_terminal_size().columns - 1  # a full line would wrap
            self._write(_CLEAR + text[:width])

    def keep(self, text: str) -> None:
        """Write a line that stays."""
        self._write(f"{_CLEAR if self.on_terminal else ''}{text}\n")

    def _write(self, text: str) -> None:
        if not self._quiet:
            self._stream.write(text)
            self._stream.flush()


class Progress:
    """The number of finished rows: a bar of rich on a terminal, a line now and then elsewhere.

    A subclass words the lines. Use it by ``with``. `done` rows were finished by an earlier run.
    `total` is rough, or None.
    """

    seconds_between = 10.0  # lines

    def __init__(
        self,
        what: str,
        total: int | None,
        *,
        done: int = 0,
        unit: str = "rows",
        quiet: bool = False,
    ) -> None:
        self.what, self.total, self.done, self.unit = what, total, done, unit
        self._done_before, self._quiet = done, quiet
        self._lines = StatusLine(quiet=quiet)
        self._bar: Any = None
        self._start = self._last_line = perf_counter()

    @property
    def seconds(self) -> float:
        """The time since the start."""
        return perf_counter() - self._start

    @property
    def rate(self) -> float:
        """Finished rows a second, in this run."""
        return (self.done - self._done_before) / max(self.seconds, 1e-9)

    @property
    def has_bar(self) -> bool:
        """Whether a bar is shown instead of lines."""
        return self._bar is not None

    def update(self, done: int) -> None:
        """Show that `done` rows are finished, with those of an earlier run."""
        self.done = done
        if self._bar is not None:
            self._bar.update(0, **self._of_bar(f", {self.rate:,.0f} a second"))
        elif self.is_time():
            self._last_line = perf_counter()
            self._lines.keep(self.line())

    def is_time(self) -> bool:
        """Whether a line is due."""
        return perf_counter() - self._last_line >= self.seconds_between

    def line(self) -> str:
        """The progress in words."""
        raise NotImplementedError

    def last_line(self) -> str | None:
        """The line that is written at the end, if any."""
        return None

    def __enter__(self) -> Self:
        # Another bar that is shown has replaced stderr with a file of its own.
        is_free = self._lines.on_terminal and not hasattr(sys.stderr, "rich_proxied_file")
        if is_free and not self._quiet and is_installed("rich"):
            self._bar = _new_bar(self.what, knows_total=self.total is not None)
            self._bar.add_task("", **self._of_bar(""))
            self._bar.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Wipe out the bar, also after an error."""
        if self._bar is not None:
            self._bar.stop()
        last_line = None if error else self.last_line()
        if last_line is not None:
            self._lines.keep(last_line)

    def _of_bar(self, rate: str) -> dict[str, Any]:
        total = None if self.total is None else max(self.total, self.done)
        return {"completed": self.done, "total": total, "count": f"{self.done:,} {self.unit}{rate}"}


def _new_bar(what: str, *, knows_total: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns: list[Any] = [TextColumn(what), BarColumn(), TextColumn("{task.fields[count]}")]
    if knows_total:
        columns.insert(2, TextColumn("{task.percentage:>3.0f} %"))
        columns += [TimeRemainingColumn(), TextColumn("left")]
    return Progress(*columns, console=Console(stderr=True), transient=True)
