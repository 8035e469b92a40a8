"""When a file of rows is an alarm: flagged rows, their share, or all rows together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._errors import UsageError

if TYPE_CHECKING:
    from skood.calibration import ConformalTestResult

    from ._speaking import Voice

_FLAGGED, _MOVED = 1, 4  # exit statuses
_NAMED = 3  # columns
_ROUNDING = 1e-12


@dataclass(frozen=True)
class AlarmOptions:
    """Which rows are flagged, and what makes an alarm of them."""

    fail_on_ood: bool
    fail_above: float | None
    control: str
    batch_test: float | None

    @property
    def needs_all_rows(self) -> bool:
        """Whether the tests need the earlier rows of a stopped run."""
        return self.control == "fdr" or self.batch_test is not None

    def check_file(self, file: Path, *, resume: bool = False) -> None:
        """Raise if rows that come once are needed twice, or if rows before a stop are needed."""
        from .files import is_read_once

        if self.control == "fdr" and is_read_once(file):
            raise UsageError(
                "--control fdr reads the rows twice, and stdin and pipes are read once: give a "
                "file."
            )
        if resume and self.needs_all_rows:
            raise UsageError(
                "--control fdr and --batch-test need the scores of all rows, which a stopped run "
                "does not keep: start anew with --restart."
            )


class Alarms:
    """The tests of one run: they see each row as it is scored.

    `limit` is the p-value up to which rows are flagged; None leaves that to the detector.
    """

    def __init__(self, options: AlarmOptions, detector: Any) -> None:
        from skood import ConformalOutlierDetector
        from skood.calibration.two_sided import TwoSidedTest

        self.options, self.detector = options, detector
        self.limit: float | None = None
        self.said: list[str] = []  # by `end`
        self._test: TwoSidedTest | None = None
        if not options.needs_all_rows:
            return
        option = "--batch-test" if options.control == "marginal" else "--control fdr"
        if not isinstance(detector, ConformalOutlierDetector):
            raise UsageError(f"{option} needs a detector with p-values: fit it with --alpha 0.05.")
        if options.batch_test is not None:
            try:
                self._test = TwoSidedTest(detector)
            except ValueError as error:
                raise UsageError(
                    "--batch-test needs a ConformalOutlierDetector that was fitted with "
                    "method='split' and without class_conditional."
                ) from error

    def find_limit(self, blocks: Any, rows_of: Any) -> None:
        """With `--control fdr`, find the largest p-value to flag, by Benjamini and Hochberg.

        p-values have few values, so counting them needs little memory.
        """
        counts: dict[float, int] = {}
        for block in blocks:
            p_values = self.detector.p_values(rows_of(block), random_ties=False)
            for value, n in zip(*np.unique(p_values, return_counts=True), strict=True):
                counts[float(value)] = counts.get(float(value), 0) + int(n)
        values = np.array(sorted(counts))
        ranks = np.cumsum([counts[value] for value in values.tolist()])
        small = values * ranks[-1:] <= self.detector.alpha * ranks * (1 + _ROUNDING)
        self.limit = float(values[small].max(initial=0.0))

    def take(self, rows: Any, scores: NDArray, above: NDArray) -> NDArray[np.bool_]:
        """Take rows, and say which are flagged: below the threshold, or up to the limit."""
        if self._test is not None:
            self._test.add(rows, scores)
        if self.limit is None:
            return above < 0
        p_values = self.detector.p_values(rows, random_ties=False, scores=scores)
        return np.asarray(p_values <= self.limit)

    def end(self, tally: dict[str, Any], voice: Voice) -> int:
        """Report the tests, an alarm even if quiet, and return the exit status."""
        options, share = self.options, tally["flagged"] / tally["rows"]
        status = _FLAGGED if options.fail_on_ood and tally["flagged"] else 0
        if options.fail_above is not None and share > options.fail_above:
            status = _FLAGGED
            limit = f"more than {100 * options.fail_above:.3g} %"
            n_flagged, n_rows = tally["flagged"], tally["rows"]
            self._warn(f"alarm: {n_flagged:,} of {n_rows:,} rows are flagged, {limit}", voice)
        if self._test is None or options.batch_test is None:
            return status
        result = self._test.result()
        if result.p_value > options.batch_test:
            self.said.append(f"all rows together: p = {result.p_value:.2g}")
            voice.say(self.said[-1])
            return status
        bins = getattr(self.detector, "_columns", None)
        usual = {} if bins is None else dict(zip(bins.names, bins.usual, strict=True))
        found = _found(result, options.batch_test, usual)
        self._warn(f"alarm: the rows differ: {found}", voice)
        return _MOVED

    def _warn(self, line: str, voice: Voice) -> None:
        self.said.append(line)
        voice.warn(line)


def _found(result: ConformalTestResult, level: float, usual: dict[str, str]) -> str:
    """The p-value, and the tests and columns with small p-values."""
    tests = sorted(result.tests, key=lambda name: result.tests[name])
    text = f"p = {result.p_value:.2g}, by "
    text += ", ".join(name for name in tests if result.tests[name] <= level)
    columns = sorted(result.columns, key=lambda name: result.columns[name])[:_NAMED]
    moved = [f"{name} ({usual[name]})" for name in columns if result.columns[name] <= level]
    return text + (f"; columns, with their usual values: {'; '.join(moved)}" if moved else "")
