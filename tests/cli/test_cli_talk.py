"""What the commands say, on a terminal and elsewhere, and what they load."""

from __future__ import annotations

import io
import signal
import subprocess
import sys

import pytest

from skood._optional import install_command
from skood.cli import main
from skood.cli._progress import ScoringProgress
from skood.cli._report import print_lowest
from skood.rows import progress

from .cli_files import numbers, write

HEAVY = ["numpy", "pandas", "pyarrow", "rich", "scipy", "sklearn", "skood.cli.files", "skops"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize("command", [[], ["detect"], ["fit"], ["score"], ["info"]])
def test_help_loads_nothing_heavy(command):
    code = (
        "import sys\nfrom skood.cli import main\n"
        f"try:\n    main({[*command, '--help']})\n"
        f"finally:\n    print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"


def test_progress_elsewhere_is_a_line_every_ten_seconds(capsys, clock):
    with ScoringProgress("scoring", 1_000) as bar:
        clock[0] += 4
        bar.update(100)
        assert capsys.readouterr().err == ""
        clock[0] += 16
        bar.update(500)
    expected = "scored 500 of about 1,000 rows (50%), 25 a second, 20 s left\n"
    assert capsys.readouterr().err == expected


def test_progress_of_more_rows_than_expected_and_of_a_resumed_run(capsys, clock):
    with ScoringProgress("scoring", 1_000, done=900, unit="images") as bar:
        clock[0] += 20
        bar.update(1_100)
    expected = "scored 1,100 of about 1,100 images (100%), 10 a second, 0 s left\n"
    assert capsys.readouterr().err == expected


def test_progress_on_a_terminal_is_a_bar_that_goes_away(monkeypatch):
    pytest.importorskip("rich", reason="rich (extra 'io') is not installed")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    with ScoringProgress("scoring", 1_000) as bar:
        bar.update(250)
    text = stream.getvalue()
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in text
    assert "25 %" in text
    assert "250 rows" in text
    assert text.endswith("\x1b[1A\x1b[2K")  # what was drawn is wiped


def test_quiet_progress_is_nothing(capsys, clock):
    with ScoringProgress("scoring", 1_000, quiet=True) as bar:
        clock[0] += 100
        bar.update(500)
    assert capsys.readouterr() == ("", "")


LINES = [
    {
        "id": "a",
        "score": -12.345678,
        "decision": -1,
        "top_1": "length [cm]",
        "share_1": 11.26,
        "reasons": "length [cm] = 9, expected 1 to 3 (91 %); width = 2, expected 3 (5 %)",
    },
    {"id": "b", "score": -1.0, "decision": 1, "top_1": "x", "share_1": 0.0, "reasons": ""},
]


def test_the_report_elsewhere_is_plain(capsys):
    print_lowest(LINES)
    assert capsys.readouterr().out == (
        "id   score  decision  reasons\n"
        " a  -12.35        -1  length [cm] = 9, expected 1 to 3 (91 %); "
        "width = 2, expected 3 (5 %)\n"
        " b      -1         1\n"
    )


def test_the_report_on_a_terminal_shows_what_is_flagged(monkeypatch):
    pytest.importorskip("rich", reason="rich (extra 'io') is not installed")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_lowest(LINES)
    flagged, more, other = stream.getvalue().splitlines()[2:5]
    assert "\x1b[31m" in flagged
    assert "length [cm] = 9, expected 1 to 3 (91 %)" in flagged
    assert "width = 2" in more  # each reason has a line
    assert "\x1b[31m" not in other


def test_warnings_are_one_line_each(tmp_path, capsys):
    train = write(numbers(12), tmp_path / "train.csv")  # fewer rows than neighbours are asked for
    more = ["--alpha", "none", "--quiet"]
    assert main(["fit", "--train", str(train), "--save", str(tmp_path / "d.skood"), *more]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("skood fit: warning: ")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--alpha", "1", "must be a number in (0, 1). Got '1' instead."),
        ("--encoding", "none", "must be an encoding such as utf-8 or latin-1. Got 'none' instead."),
        ("--encoding", "hex", "must be an encoding such as utf-8 or latin-1. Got 'hex' instead."),
        ("--encoding", "punycode", "utf-8 or latin-1. Got 'punycode' instead."),
        ("--encoding", "undefined", "must be an encoding such as utf-8"),
        ("--delimiter", ";;", "must be one character. Got ';;' instead."),
        ("--max-categories", "0", "must be an integer of 1 or more. Got '0' instead."),
        ("--seed", "-1", "must be an integer from 0 to"),
    ],
)
def test_values_that_options_do_not_take(capsys, option, value, said):
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["fit", "--train", "train.csv", "--save", "d.skood", option, value])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["detect", "fit", "score"])
def test_a_missing_package_is_named_with_its_extra(tmp_path, capsys, monkeypatch, command):
    train, saved = write(numbers(90), tmp_path / "train.csv"), tmp_path / "d.skood"
    fit = ["fit", "--train", train, "--save", saved]
    assert main([*map(str, fit), "--quiet"]) == 0
    scores = ["--output", tmp_path / "scores.csv"]
    arguments = {
        "detect": ["detect", "--train", train, "--new", train, *scores],
        "fit": fit,
        "score": ["score", saved, "--new", train, *scores],
    }[command]
    for name in ("_scoring", "_run_blocks", "_detect_run", "_score_run"):
        monkeypatch.delitem(sys.modules, f"skood.cli.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main([*map(str, arguments)]) == 2
    assert f"run {install_command('io')} (the extra 'io')" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on Unix")
def test_ctrl_c_while_libraries_are_loaded_leaves_no_traceback(tmp_path):
    train = write(numbers(30), tmp_path / "train.csv")
    command = [sys.executable, "-X", "importtime", "-m", "skood", "check", str(train)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs of a shell ignore it
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)
    lines = [line.decode() for line in _until(process.stderr, b"| numpy")]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    lines += [line for line in err.decode().splitlines() if not line.startswith("import time:")]
    assert process.returncode == 130
    assert out == b""
    assert lines[-1].strip() == "skood: interrupted"
    assert not any("Traceback" in line for line in lines)


def _until(stream, found):
    """The lines of a stream up to one that has these bytes."""
    for line in stream:
        yield line
        if found in line.replace(b"|   ", b"| ").replace(b"  ", b""):
            return
