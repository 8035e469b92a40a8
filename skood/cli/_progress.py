"""The progress of `skood score` and `skood detect`."""

from __future__ import annotations

from skood.rows.progress import Progress


class ScoringProgress(Progress):
    """The number of scored rows, and the time that is left."""

    def line(self) -> str:
        """The number of scored rows, their rate, and the time that is left."""
        total = max(self.total or 0, self.done)
        return (
            f"scored {self.done:,} of about {total:,} {self.unit} ({self.done / total:.0%}), "
            f"{self.rate:,.0f} a second, {duration((total - self.done) / self.rate)} left"
        )


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours.

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
