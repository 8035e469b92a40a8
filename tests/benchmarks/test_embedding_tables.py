"""The benchmark of embeddings on small rows: each score is measured, and has its lines."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmarks are not here")


@pytest.fixture
def parts(monkeypatch):
    """The modules of the benchmark, which leave no module behind."""
    pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.syspath_prepend(BENCHMARKS / "accuracy")
    before = {*sys.modules}
    import embeddings
    from _embeddings import report, sources, tables

    yield embeddings, report, sources, tables
    for name in {*sys.modules} - before:
        if BENCHMARKS in Path(getattr(sys.modules[name], "__file__", None) or "/").parents:
            del sys.modules[name]


def test_every_score_has_its_lines(parts):
    embeddings, report, _, tables = parts
    rng = np.random.default_rng(0)
    y = np.resize(np.arange(4), 240)
    known = np.abs(rng.normal(size=(240, 6))) + 3 * np.eye(6)[y]
    texts = {"a": (known, y), "b": (np.abs(rng.normal(size=(30, 6))) - 5, np.zeros(30, dtype=int))}
    table = tables.Table("family", "small rows", lambda seed: tables._text(texts, "a", seed))
    split = table.split(0)
    assert len(split.X) == 90
    assert len(split.known) == 30
    assert len(split.near["other classes"]) == 120
    assert not {*map(tuple, split.X)} & {*map(tuple, split.known)}
    page = report.report([embeddings.evaluate(table, 1)], 1)
    for method in embeddings.METHODS:
        assert len(re.findall(rf"\n\| {re.escape(method)} +\|", page)) == 2, method
    assert "family: the preset has" in page
    assert "small rows, far: the preset" in page


def test_the_description_of_a_manual_page(parts):
    page = (
        ".TH X 1\n.SH NAME\nx \\- a thing\n.SH DESCRIPTION\n.PP\nThe \\fBbold\\fR word,\n"
        '.B --option\nand more.\n.\\" a comment\n.SH OPTIONS\nNothing.\n'
    )
    assert parts[2]._description(page).strip() == "The bold word, --option and more."
    assert parts[2]._description(".TH X 1\n.SH NAME\nx \\- a thing\n") == ""
