"""The parts of `skood watch`: whole rows of texts, names of files, the ledger, the page."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skood.cli.files import ReadingOptions
from skood.cli.watch.finding import feed_of
from skood.cli.watch.ledger import Entry, Ledger
from skood.cli.watch.page import page
from skood.cli.watch.text import halves, header_in, last_end, next_piece

from .html_pages import check_page

cells = st.text('ab,;"\n ', max_size=5)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6), st.integers(0, 200))
def test_whole_rows_end_where_the_reader_of_csv_ends_them(rows, place):
    lines = []
    for row in rows:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        lines.append(text.getvalue().encode())
    text = b"".join(lines)[:place]
    whole = [b"".join(lines[:n]) for n in range(len(lines) + 1)]
    expected = max(len(part) for part in whole if len(part) <= place)
    assert last_end(text, quotes=True) == expected
    parts = halves(b"".join(lines), quotes=True)
    assert b"".join(parts) == b"".join(lines)
    assert len(parts) == 1 + (len(lines) > 1)
    assert all(last_end(part, quotes=True) == len(part) for part in parts)


def test_a_row_may_be_longer_than_a_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("skood.cli.watch.text.PIECE", 4)
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\n" + b"b" * 50 + b"\nc")
    assert next_piece(path, 0, quotes=True, final=False) == b"a\n"
    assert next_piece(path, 2, quotes=True, final=False) == b"b" * 50 + b"\n"
    assert next_piece(path, 53, quotes=True, final=False) == b""
    assert next_piece(path, 53, quotes=True, final=True) == b"c"


@pytest.mark.parametrize(
    ("text", "names", "none"),
    [
        (b"a,b\n1,2\n", b"a,b\n", b""),
        (
            b"\xef\xbb\xbfsep=;\n\na;b\n1;2\n",
            b"\xef\xbb\xbfsep=;\n\na;b\n",
            b"\xef\xbb\xbfsep=;\n\n",
        ),
        (b'"a\nx",b\n1,2\n', b'"a\nx",b\n', b""),
        (b"a,b", None, None),
        (b'"a\n', None, None),
        (b"", None, None),
    ],
)
def test_what_stands_before_the_rows(text, names, none):
    for has_header, expected in ((True, names), (False, none)):
        lines = io.BytesIO(text).readlines()
        assert header_in(lines, has_header=has_header) == expected


def test_files_come_in_the_order_of_the_numbers_in_their_names(tmp_path):
    (tmp_path / "year=2026").mkdir()
    (tmp_path / "_temporary").mkdir()
    names = ["a-9.csv", "a-10.csv.gz", "b.parquet", "year=2026/1.csv"]
    others = [".a.csv", "_temporary/0.csv", "_b.csv", "m.skood", "r.html", "own.csv"]
    for name in (*others, *reversed(names)):
        (tmp_path / name).touch()
    feed = feed_of(str(tmp_path), ReadingOptions(), [tmp_path / "own.csv"])
    assert list(feed.files()) == names
    assert list(feed_of(f"{tmp_path}/*-*.csv*", ReadingOptions(), []).files()) == names[:2]
    below = feed_of(f"{tmp_path}/**/*.csv", ReadingOptions(), [])
    assert list(below.files()) == ["a-9.csv", "own.csv", "year=2026/1.csv"]


def test_the_ledger_keeps_its_entries_and_forgets_the_oldest_that_are_gone(monkeypatch):
    monkeypatch.setattr("skood.cli.watch.ledger._MOST_GONE", 3)
    ledger = Ledger({str(i): Entry(i, rows=i, digest=2**64 - 1) for i in range(6)})
    again = Ledger.from_list(json.loads(json.dumps(ledger.to_list())))
    assert [astuple(e) for e in again.entries.values()] == [
        astuple(e) for e in ledger.entries.values()
    ]
    ledger.drop_gone({})  # the disk is not there
    assert len(ledger.entries) == 6
    ledger.drop_gone({"0": Path("0")})
    assert list(ledger.entries) == ["0", "3", "4", "5"]


HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e" + "x" * 500


def facts(**others):
    since = {"row": 40, "earliest": 30, "latest": 50, "place": HOSTILE}
    since |= dict.fromkeys(("time", "earliest_time", "latest_time"), "")
    moved = {"column": HOSTILE, "usual": HOSTILE, "now": HOSTILE, "statistic": 0.4, "p_value": 0.0}
    strange = {"row": 3, "place": HOSTILE, "time": "", "p_value": 0.01, "reasons": HOSTILE}
    alarm = {"row": 60, "time": "", "stream": HOSTILE, "e_value": 101.0, "since": since}
    history = [
        {
            "first_row": 16 * i,
            "n_rows": 16,
            "n_flagged": i % 3,
            "max_e_value": 0.0 if not i else 10.0**i,
            "first_time": None,
            "last_time": None,
        }
        for i in range(20)
    ]
    plain = dict.fromkeys(("input", "begun", "now", "promise", "detector"), HOSTILE)
    numbers = {"n_seen": 320, "n_flagged": 9, "n_window": 320, "e_value": 1e19, "limit": 100.0}
    return {
        **plain,
        **numbers,
        "row_alpha": 0.05,
        "alarm": True,
        "since": since,
        "history": history,
        "moved": [moved],
        "strangest": [strange],
        "alarms": [alarm],
        "faults": {HOSTILE: HOSTILE},
        "n_left_out": 1,
        **others,
    }


def test_texts_of_files_stay_texts_in_the_report():
    text = page(facts())
    check_page(text)
    assert "&lt;script&gt;" in text
    assert "x" * 300 not in text


@pytest.mark.parametrize(
    "others",
    [
        {"history": [], "n_seen": 0, "alarm": False, "since": None, "n_window": 0},
        {"alarm": False, "since": None, "moved": [], "strangest": [], "alarms": [], "faults": {}},
        {"limit": 1e6, "history": facts()["history"][:1]},
    ],
)
def test_reports_of_other_states(others):
    text = page(facts(**others))
    check_page(text)
    assert "nan" not in text
    assert ("<svg" in text) == bool({**facts(), **others}["history"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the watches are forked")
def test_killed_watches_count_each_row_once():
    from ..processes import run_python

    root = Path(__file__).resolve().parents[2]
    module = 'runpy.run_module("tests.cli.watch_kills", run_name="__main__", alter_sys=True)'
    done = run_python(f"import runpy\n{module}", os.environ.get("SKOOD_KILLS", 3), 0, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " kills, 0 wrong" in done.stdout
