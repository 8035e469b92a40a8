"""The estimate of a change is near it, and its range holds it, for strong and weak changes."""

from __future__ import annotations

import numpy as np
import pytest

from skood.monitoring._bets import Bets
from skood.monitoring._change_point import change_point
from skood.monitoring._segments import Segments

pytestmark = pytest.mark.arithmetic


def _add(segments, numbers):
    n = len(numbers)
    segments.add(numbers[:, np.newaxis], np.ones(n), numbers, numbers < 0, None)


@pytest.mark.parametrize(
    ("change", "near"),
    [
        (lambda u, _: 0.6 + u / 50, 16),
        (lambda u, _: u**3, 32),
        (lambda u, _: u**1.5, 100),
        (lambda u, m: np.where(m < 0.2, u**6, u), 100),
        (lambda u, m: np.where(m < 0.3, 1 - u / 4, u), 100),
    ],
    ids=["stuck", "lower", "little lower", "some far out", "some typical"],
)
def test_the_range_holds_the_change(change, near):
    inside, errors = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        begin = int(rng.integers(300, 900))
        numbers = rng.random(begin + 1_500)
        numbers[begin:] = change(numbers[begin:], rng.random(1_500))
        alarm = int(np.argmax(Bets(1).take(numbers[:, np.newaxis])[:, 0] >= 200))
        if alarm < begin:  # none, or a false one
            continue
        segments = Segments(1)
        _add(segments, numbers[: alarm + 1])
        at_alarm = change_point(segments, 0)
        last_row = 2 * alarm - at_alarm.row
        _add(segments, numbers[alarm + 1 : last_row + 1])
        since = change_point(segments, 0, last_row=last_row)
        assert since.earliest <= since.row <= since.latest
        inside.append(since.earliest <= begin <= since.latest)
        errors.append(abs(since.row - begin))
    assert len(inside) >= 35
    assert np.mean(inside) >= 0.9
    assert np.quantile(errors, 0.8) <= near


def test_rows_before_the_first_one_do_not_count():
    rng, segments = np.random.default_rng(0), Segments(1)
    _add(segments, np.full(100, 0.01))  # another change, of an earlier alarm
    _add(segments, rng.random(200))
    _add(segments, np.full(60, 0.5))
    assert abs(change_point(segments, 0, first_row=100).row - 300) <= 16
    assert change_point(segments, 0, first_row=350).row >= 336
