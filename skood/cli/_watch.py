"""`skood watch`: takes new files, and raises an alarm when the rows have changed."""

import argparse
from pathlib import Path
from typing import Any

from ._help import add_command
from ._table_arguments import add_columns, add_reading, add_talking
from .arguments import count, seconds, share


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    watch = add_command(
        commands,
        "watch",
        summary="watch a folder or a stream, and raise an alarm when its rows change",
        description=(
            "Take new files and lines, each row once, and raise an alarm when the rows are no "
            "longer like the training rows. While nothing changes, the probability of ever raising "
            "an alarm is at most --alpha, however often new rows arrive. A watch that ended or was "
            "killed resumes from --state."
        ),
        examples="""
            skood watch detector.skood --input feed --state day.skood --report day.html --once
            skood watch detector.skood --input 'feed/*.csv' --state feed.skood --once --quiet
            skood watch detector.skood --input - --state stdin.skood --json --quiet < new.csv
        """,
    )
    watch.add_argument("detector", type=Path, metavar="DETECTOR", help="file of skood fit")
    watch.add_argument(
        "--input",
        nargs="+",
        required=True,
        metavar="FEED",
        help="folder, pattern in quotes ('feed/*.csv'), growing file, or -: lines of stdin",
    )
    watch.add_argument(
        "--state",
        type=Path,
        required=True,
        metavar="FILE",
        help="file for the state of the watch, such as monitor.skood; the first run makes it",
    )
    watch.add_argument("--report", type=Path, metavar="FILE", help="HTML page to keep up to date")
    _add_alarm(watch)
    _add_polling(watch)
    add_columns(watch)
    add_reading(watch)
    add_talking(watch)
    watch.set_defaults(run=run)


def _add_alarm(watch: argparse.ArgumentParser) -> None:
    group = watch.add_argument_group("alarm")
    group.add_argument(
        "--alpha",
        type=share,
        metavar="A",
        help="probability of ever raising a false alarm (default: 0.01)",
    )
    group.add_argument(
        "--average-run-length",
        type=count,
        metavar="N",
        help="continue after an alarm, with a mean of at least N rows between false alarms",
    )
    group.add_argument(
        "--columns",
        action=argparse.BooleanOptionalAction,
        help="watch each column too, with half of alpha (default), or the scores alone",
    )
    group.add_argument(
        "--timestamps", metavar="COLUMN", help="column with the time of each row (ISO 8601)"
    )
    group.add_argument("--json", action="store_true", help="print each alarm as a line of JSON")
    group.add_argument(
        "--exit-on-alarm", action="store_true", help="end with status 4 after an alarm"
    )
    group.add_argument(
        "--reset", action="store_true", help="clear the alarm, and start anew with the next row"
    )


def _add_polling(watch: argparse.ArgumentParser) -> None:
    group = watch.add_argument_group("waiting")
    group.add_argument(
        "--once", action="store_true", help="take the rows that are there, and end (for cron)"
    )
    group.add_argument(
        "--every",
        type=seconds,
        default=10.0,
        metavar="SECONDS",
        help="seconds between two looks for new rows (default: 10)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Watch."""
    from ._options import pick
    from ._speaking import Voice, plain_errors

    values = vars(arguments)
    voice = pick(Voice, values)
    with plain_errors(voice, arguments.state):
        from ._watch_run import MonitorOptions, WatchTask, watch
        from .files import ColumnRoles, ReadingOptions

        task = WatchTask(
            detector=arguments.detector,
            trust=tuple(arguments.trust),
            rows=tuple(arguments.rows),
            feed=tuple(arguments.input),
            state=arguments.state,
            report=arguments.report,
            once=arguments.once,
            every=arguments.every,
            reading=pick(ReadingOptions, values),
            roles=pick(ColumnRoles, values),
            alarm=pick(MonitorOptions, values),
            voice=voice,
        )
        return watch(task)
