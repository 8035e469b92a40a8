"""Carries out `skood watch`: takes new rows, prints, reports, and waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._errors import UsageError, shown
from ._fitted import Fitted, load_fitted
from ._outputs import STDOUT, output_at, write_report
from ._speaking import Voice
from .files import STDIN, ColumnRoles, ReadingOptions
from .watch.counting import Counter
from .watch.facts import facts_of
from .watch.finding import Feed, feed_of
from .watch.ledger import Entry
from .watch.page import page
from .watch.reading import RowReader
from .watch.standard_input import pieces_of_stdin
from .watch.state import State, opened_state
from .watch.taking import Taker
from .watch.telling import alarm_facts, alarm_json, alarm_line, batch_line, moved_columns
from .watch.text_taking import Lines

_ALARM, _FAULTS = 4, 3  # exit statuses
_REPORT_EVERY = 3.0  # seconds


@dataclass(frozen=True)
class MonitorOptions:
    """When an alarm is raised, and how it is reported."""

    alpha: float | None
    average_run_length: int | None
    columns: bool | None
    timestamps: str | None
    json: bool
    exit_on_alarm: bool
    reset: bool

    @property
    def of_monitor(self) -> dict[str, Any]:
        """The parameters of the monitor; None: not given."""
        return {
            "alpha": self.alpha,
            "average_run_length": self.average_run_length,
            "columns": self.columns,
        }


@dataclass(frozen=True)
class WatchTask:
    """One call of the command."""

    detector: Path
    trust: tuple[str, ...]
    rows: tuple[str, ...]
    feed: tuple[str, ...]
    state: Path
    report: Path | None
    once: bool
    every: float
    reading: ReadingOptions
    roles: ColumnRoles
    alarm: MonitorOptions
    voice: Voice


class _AlarmEndsWatch(Exception):  # noqa: N818  # no error
    """An alarm came, and the watch ends with it."""


def watch(task: WatchTask) -> int:
    """Carry out the command, and give its exit status."""
    feed = _checked_feed(task)
    fitted = load_fitted(task.detector, task.trust, task.rows)
    if fitted.image_shape is not None:
        raise UsageError("skood watch takes tables and arrays, and the detector takes images.")
    if not fitted.n_calibration:
        raise UsageError(
            f"skood watch needs p-values, and {task.detector.name} makes none: fit it without "
            "--alpha none."
        )
    with ExitStack() as outputs:
        outputs.enter_context(output_at(task.state, [task.detector]))
        if task.report is not None:
            outputs.enter_context(output_at(task.report, [task.detector, task.state]))
        given = task.alarm.of_monitor
        state = opened_state(task.state, fitted, task.detector, given, task.trust, task.rows)
        return _Session(task, fitted, state, feed).run()


def _checked_feed(task: WatchTask) -> Feed | None:
    """The feed; None for stdin."""
    if len(task.feed) > 1:
        raise UsageError(
            f"--input must be one name. Got {len(task.feed)} instead: put a pattern in quotes, so "
            "that the shell does not expand it."
        )
    if STDOUT in (task.state, task.report):
        raise UsageError("--state and --report must be files. Got - instead.")
    (text,) = task.feed
    if Path(text) == STDIN:
        return None
    own = [task.detector, task.state, *([task.report] if task.report else [])]
    return feed_of(text, task.reading, own)


class _Session:
    """One run of a watch, from a state on."""

    def __init__(self, task: WatchTask, fitted: Fitted, state: State, feed: Feed | None) -> None:
        self.task, self.fitted, self.state, self.feed = task, fitted, state, feed
        self.name = "stdin" if feed is None else str(feed)
        self.counter = Counter(state, task.voice, self._counted)
        self.reader = RowReader(fitted, task.reading, task.roles, task.alarm.timestamps, task.voice)
        self.n_alarms = 0  # that this run has told
        self._reported = 0.0
        self._is_reported = False

    def run(self) -> int:
        """Watch until the end, and give the exit status."""
        state = self.state
        if self.task.alarm.reset:
            state.reset()
        self.counter.save()
        with self._whole_report():
            try:
                self._announce()
                if self.task.alarm.exit_on_alarm and self._stands():
                    raise _AlarmEndsWatch
                if self.feed is None:
                    self._take_stdin()
                else:
                    self._take_files(self.feed)
            except _AlarmEndsWatch:
                return _ALARM
        if self.n_alarms or self._stands():
            return _ALARM
        return _FAULTS if self.counter.n_faults else 0

    def _take_files(self, feed: Feed) -> None:
        taker = Taker(self.reader, self.counter, self.task.every)
        told: set[str] = set()
        while True:
            waiting = taker.look(feed)
            if not feed.base.is_dir():
                waiting.append(f"the folder {str(feed.base)!r} is not there")
            if self.task.once:
                for reason in waiting:
                    self.task.voice.say(f"waits: {reason}")
                return
            for reason in set(waiting) - told:
                self.task.voice.say(f"waits: {reason}")
            told = set(waiting)
            self._report(force=True)
            time.sleep(self.task.every)

    def _take_stdin(self) -> None:
        reading, entry = self.task.reading, Entry()
        ending = f".{reading.format}" if reading.format else None
        if ending not in (None, ".csv", ".tsv", ".jsonl"):
            raise UsageError("Lines of stdin are csv, tsv or jsonl: name one with --format.")
        for kind, header, text in pieces_of_stdin(
            ending, has_header=reading.header, every=self.task.every
        ):
            Lines("stdin", kind, header, entry, self.reader, self.counter).take_or_salvage(text)
            self.counter.save()

    def _stands(self) -> bool:
        """Whether an alarm stands."""
        monitor = self.state.monitor
        return bool(monitor.alarm_) and monitor.average_run_length is None

    def _counted(self, name: str, update: Any) -> None:
        """Report a batch after the state has saved it."""
        self._is_reported = False
        self._say(batch_line(name, update))
        if update.alarm:
            self._announce()
            if self.task.alarm.exit_on_alarm:
                raise _AlarmEndsWatch
        self._report()

    def _announce(self) -> None:
        """Report the alarms that were not reported yet, and only then note it in the state."""
        alarms = self.state.new_alarms()
        moved = moved_columns(self.state.monitor) if alarms else []
        for alarm in alarms:
            facts = alarm_facts(self.state, alarm, self.name, moved)
            if self.task.alarm.json:
                print(alarm_json(facts), flush=True)
                self.task.voice.say(alarm_line(facts))
            else:
                print(shown(alarm_line(facts)), flush=True)
            self.n_alarms += 1
        if alarms:
            self.state.announced, self.state.is_dirty = alarms[-1]["row"], True
            self.counter.save()

    def _say(self, line: str) -> None:
        """Print a line on stdout, or on stderr where stdout is for JSON."""
        if self.task.alarm.json:
            self.task.voice.say(line)
        elif not self.task.voice.quiet:
            print(shown(line), flush=True)

    @contextmanager
    def _whole_report(self) -> Iterator[None]:
        """Write the report at the start and at the end, also after an error."""
        self._report(force=True)
        try:
            yield
        finally:
            self._report(force=True)

    def _report(self, *, force: bool = False) -> None:
        """Write the report if it is not up to date, at most every few seconds."""
        path = self.task.report
        is_early = time.monotonic() - self._reported < _REPORT_EVERY
        if path is None or self._is_reported or (is_early and not force):
            return
        write_report(path, page(facts_of(self.state, self.fitted, self.name)))
        self._reported, self._is_reported = time.monotonic(), True
