"""The steps of a comparison: the running one and their number."""

from __future__ import annotations

from collections.abc import Callable

OnStep = Callable[[int, int, str], None]


class Steps:
    """Counts the steps: for each detector all folds, then the resamples."""

    def __init__(self, on_step: OnStep | None, of_each: int, n_detectors: int) -> None:
        self.on_step, self.of_each, self.total = on_step, of_each, of_each * n_detectors
        self.before = 0

    def announce(self, place: int, what: str) -> None:
        """Announce a step of the present detector, by its place among them."""
        if self.on_step is not None:
            self.on_step(self.before + place, self.total, what)

    def next_detector(self) -> None:
        """Count all steps of the present detector, also skipped ones."""
        self.before += self.of_each

    def finish(self) -> None:
        """Announce the end."""
        self.announce(0, "done")
