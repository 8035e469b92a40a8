"""How far the work is: a bar on a terminal, lines where none can be drawn."""

from __future__ import annotations

import io
import sys

import pytest

from skood.rows.progress import Progress

BAR = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Counted(Progress):
    seconds_between = 0.0

    def line(self):
        return f"{self.what}: {self.done} of {self.total}"

    def last_line(self):
        return "all done" if self.has_bar else None


def as_terminal(monkeypatch):
    """Stderr as a terminal; in the test itself, as pytest sets stderr anew after its fixtures."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    return stream


@pytest.fixture
def with_rich():
    pytest.importorskip("rich", reason="rich (extra 'io') is not installed")


@pytest.mark.usefixtures("with_rich")
def test_a_last_line_stays_when_the_bar_has_gone(monkeypatch):
    terminal = as_terminal(monkeypatch)
    with Counted("counting", 8) as progress:
        progress.update(2)
    text = terminal.getvalue()
    assert "counting" in text
    assert "25 %" in text
    assert "2 of 8" not in text
    assert text.endswith("all done\n")


@pytest.mark.usefixtures("with_rich")
def test_a_bar_of_unknown_many_rows_has_no_share_and_no_end(monkeypatch):
    terminal = as_terminal(monkeypatch)
    with Counted("counting", None) as progress:
        progress.update(1_234)
    text = terminal.getvalue()
    assert BAR in text
    assert "1,234 rows" in text
    assert "%" not in text
    assert "left" not in text


@pytest.mark.usefixtures("with_rich")
def test_after_an_error_the_bar_is_gone_and_nothing_is_said_to_be_done(monkeypatch):
    terminal = as_terminal(monkeypatch)
    with pytest.raises(ZeroDivisionError), Counted("counting", 8):
        raise ZeroDivisionError
    assert "all done" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")


@pytest.mark.usefixtures("with_rich")
def test_inside_another_bar_there_are_lines(monkeypatch):
    terminal = as_terminal(monkeypatch)
    with Counted("outer", 2) as outer:
        with Counted("inner", 5) as inner:
            inner.update(3)
            assert not inner.has_bar
        outer.update(1)
    assert "inner: 3 of 5\n" in terminal.getvalue()
    assert outer.has_bar


def test_without_rich_a_terminal_gets_lines(monkeypatch):
    terminal = as_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "rich", None)
    with Counted("counting", 8) as progress:
        progress.update(2)
        progress.update(4)
    assert terminal.getvalue() == "\r\x1b[Kcounting: 2 of 8\n\r\x1b[Kcounting: 4 of 8\n"
