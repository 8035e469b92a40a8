"""The parts of `skood bench` that serve both the rows of a file and many sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from skood._optional import install_command, is_installed
from skood.storage.whole_file import written_whole

from ._options import BenchOutputs, ComparisonOptions
from ._outputs import check_not_among_rows, folder_at, output_at, report_at
from ._settings import Setting, parameters_of_each, set_parameters
from ._speaking import Voice

_REPORT, _NUMBERS, _PICTURE = "bench.md", "bench.csv", "bench.png"
_DPI = 120


def detectors_of(
    options: ComparisonOptions, assembled: Callable[[str], Any]
) -> dict[str, Callable[[], Any]]:
    """Functions that make the chosen detectors, with the parameters of `--set`."""
    names = tuple(dict.fromkeys(options.detectors))
    settings = parameters_of_each({name: assembled(name) for name in names}, options.settings)
    return {name: partial(_made, assembled, name, settings[name]) for name in names}


def _made(assembled: Callable[[str], Any], name: str, settings: Sequence[Setting]) -> Any:
    pipeline = assembled(name)
    set_parameters(pipeline, name, settings)
    return pipeline


@contextmanager
def files_in(outputs: BenchOutputs, inputs: Sequence[Path]) -> Iterator[None]:
    """Keep other processes from the files in the folder of the output, and from the report."""
    folder = outputs.output
    with ExitStack() as stack:
        if folder is not None:
            check_not_among_rows(folder / _REPORT, inputs)
            stack.enter_context(folder_at(folder))
            for name in (_REPORT, _NUMBERS, _PICTURE):
                stack.enter_context(output_at(folder / name, inputs))
        stack.enter_context(report_at(outputs.report, inputs))
        yield


def write_files(
    folder: Path,
    report: str,
    write_numbers: Callable[[Path], None],
    draw: Callable[[], Any],
    voice: Voice,
) -> None:
    """Write the report, the numbers and, with matplotlib, the picture."""
    with written_whole(folder / _REPORT) as temporary:
        temporary.write_text(report, encoding="utf-8")
    write_numbers(folder / _NUMBERS)
    written = [_REPORT, _NUMBERS]
    if is_installed("matplotlib"):
        figure = draw()
        with written_whole(folder / _PICTURE) as temporary:
            figure.savefig(temporary, dpi=_DPI)
        written.append(_PICTURE)
    else:
        voice.say(f"no picture: {install_command('plots')} adds it")
    voice.say(f"written to {folder}: {', '.join(written)}")
