"""The messages of commands: errors in one sentence, warnings in one line."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ._errors import CommandError, DataError, UsageError, shown


@dataclass(frozen=True)
class Voice:
    """How a command speaks."""

    command: str
    quiet: bool  # but for errors and warnings

    def say(self, line: str) -> None:
        """Write a line to stderr, unless the command is quiet."""
        if not self.quiet:
            print(shown(line), file=sys.stderr, flush=True)

    def warn(self, line: str) -> None:
        """Write a line to stderr that a quiet command writes too."""
        print(f"skood {self.command}: {shown(line)}", file=sys.stderr, flush=True)


@contextmanager
def plain_errors(voice: Voice, written: Path | None = None) -> Iterator[None]:
    """Print each error with files as one sentence, and each warning as one line.

    `written` is the output of the command. On a full disk the system names no file.
    """
    try:
        with _plain_warnings(f"skood {voice.command}"):
            yield
    except (CommandError, BrokenPipeError):
        raise
    except ImportError as error:
        raise UsageError(_sentence(str(error))) from error
    except OSError as error:
        raise UsageError(_of_the_system(error, written)) from error
    except UnicodeDecodeError as error:  # of a file that says itself how it is encoded
        raise DataError("A file is damaged: its text is not UTF-8.") from error
    except ValueError as error:
        from skood.cli.files import OptionError

        kind = UsageError if isinstance(error, OptionError) else DataError
        raise kind(_sentence(str(error))) from error
    except MemoryError as error:
        raise DataError("The memory is too small for the training rows.") from error


@contextmanager
def _plain_warnings(who: str) -> Iterator[None]:
    """Show each warning for users once, in one line; hide warnings for developers."""
    seen: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: object) -> None:
        line = _sentence(str(message))
        if issubclass(category, UserWarning) and line not in seen:
            seen.add(line)
            print(f"{who}: warning: {shown(line)}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _of_the_system(error: OSError, written: Path | None) -> str:
    """The message of the system, with the name of the file."""
    what = error.strerror or _sentence(str(error)).rstrip(".")
    if error.filename is not None:
        return f"{os.fspath(error.filename)}: {what}."
    is_full = error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    return f"{written} cannot be written: {what}." if written and is_full else f"{what}."


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."
