"""Ctrl-C that is not lost."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any, Self


class Interrupts:
    """Ctrl-C raises as ever, and is remembered.

    Python drops an exception that is raised in a callback from C or while an object is finalised,
    and `KeyboardInterrupt` is no exception to that: a run would go on as if nothing had been asked.
    """

    def __init__(self) -> None:
        self._came = False
        self._before: Any = None

    def __enter__(self) -> Self:
        # Elsewhere handlers can't be set; and where Ctrl-C is ignored or handled, it stays so.
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._before = signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _take(self, number: int, frame: Any) -> None:  # noqa: ARG002
        self._came = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise if Ctrl-C has come, whatever has become of it."""
        if self._came:
            raise KeyboardInterrupt
