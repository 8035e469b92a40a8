"""The picture of the README can be drawn anew, and what it says of its samples holds."""

from __future__ import annotations

import importlib
import sys

import pytest

from .docs_pages import DOCS

pytest.importorskip("matplotlib", reason="matplotlib (extra 'plots') is not installed")
pytest.importorskip("PIL", reason="Pillow (extra 'plots') is not installed")
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the docs are not here")


def test_the_samples_stand_on_their_side_of_the_threshold(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    picture = importlib.import_module("_picture")
    sys.modules.pop("_picture")
    scores = picture.draw(picture.FORMS["dark"]).axes[0]
    threshold = scores.lines[0].get_xdata()[0]
    decisions = {t.get_position()[0]: t.get_text() for t in scores.texts if t.get_text()[1:] == "1"}
    assert sorted(decisions.values()) == ["+1", "−1", "−1", "−1"]
    for score, decision in decisions.items():
        assert decision == ("+1" if score >= threshold else "−1")


def test_both_forms_are_in_the_docs_and_small():
    for form in ("light", "dark"):
        assert 1_000 < (DOCS / "_static" / f"skood-{form}.png").stat().st_size < 100_000
