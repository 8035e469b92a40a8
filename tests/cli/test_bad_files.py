"""Messy and damaged files: a right answer for all rows, or one sentence and nothing left."""

from __future__ import annotations

from .bad_files import outcomes


def test_messy_files_end_in_a_right_answer_or_one_sentence(tmp_path):
    found = outcomes(60, 0, tmp_path)
    assert [(text, said) for text, said in found if said not in ("answered", "refused")] == []
    assert {"answered", "refused"} == {said for _, said in found}
