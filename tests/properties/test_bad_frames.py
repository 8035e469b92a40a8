"""Odd frames: a right answer, or one sentence."""

from __future__ import annotations

from .bad_frames import cases, is_right


def test_odd_frames_end_in_a_right_answer_or_one_sentence():
    found = cases(60, 0)
    assert [(text, outcome) for text, outcome in found if not is_right(outcome)] == []
    assert {"answered", "refused"} <= {outcome for _, outcome in found}
