"""Which step of a comparison runs, and how many there are."""

from __future__ import annotations

from collections.abc import Callable

OnStep = Callable[[int, int, str], None]


class Steps:
    """Counts the steps: for each detector all folds, then the resamples."""

    def __init__(self, on_step: OnStep | None, of_each: int, n_detectors: int) -> None:
        self.on_step, self.of_each, self.total = on_step, of_each, of_each * n_detectors
        self.before = 0

    def tell(self, place: int, what: str) -> None:
        """Say that one of the steps of the present detector begins."""
        if self.on_step is not None:
            self.on_step(self.before + place, self.total, what)

    def next_detector(self) -> None:
        """Count all steps of the present one, also those that it has not come to."""
        self.before += self.of_each

    def finish(self) -> None:
        """Say that nothing is left."""
        self.tell(0, "done")
