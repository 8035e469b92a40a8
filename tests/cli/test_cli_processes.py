"""Several processes on one output, full disks, bad rows, signals, links."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pandas as pd
import pytest

from skood.cli import main
from skood.cli.files import PartialFile
from skood.cli.files._results import ArrowResults
from skood.storage.whole_file import locked

from ..processes import SKOOD, Started, run_python
from .cli_files import names_in, numbers, write

ROWS = 1_000
BLOCKS = ["--block-rows", "64", "--quiet"]


@pytest.fixture
def folder(tmp_path):
    write(numbers(200), tmp_path / "train.csv")
    write(numbers(ROWS, seed=1), tmp_path / "new.csv")
    files = ["--train", tmp_path / "train.csv", "--save", tmp_path / "d.skood", "--quiet"]
    assert main(["fit", *map(str, files), "--detector", "md"]) == 0
    return tmp_path


def command(folder, name, output, *more):
    arguments = {
        "detect": ["--train", "train.csv", "--new", "new.csv", "--output", output],
        "fit": ["--train", "train.csv", "--save", output],
        "score": ["d.skood", "--new", "new.csv", "--output", output, *BLOCKS],
        "bench": ["--train", "train.csv", "--output", output, "--detectors", "md", "--splits", "2"],
    }[name]
    return [name, *(str(folder / a) if "." in a else a for a in arguments), *more]


def score(folder, *more, output="scores.csv"):
    return main(command(folder, "score", output, *more))


@contextmanager
def locked_elsewhere(path):
    """Another thread holds the lock of an output, which keeps this one out as a process would."""
    holds, end = threading.Event(), threading.Event()

    def hold():
        with locked(path):
            holds.set()
            end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    try:
        yield
    finally:
        end.set()
        thread.join()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", ["detect", "fit", "score", "bench"])
def test_a_second_process_says_so_and_changes_nothing(folder, capsys, name):
    output = {"bench": "out.d", "fit": "o.skood"}.get(name, "scores.csv")
    place = folder / output
    if name == "bench":
        place.mkdir()
        place /= "bench.csv"
    with locked_elsewhere(place):
        before = contents(folder), contents(place.parent)
        assert main(command(folder, name, output)) == 2
        assert before == (contents(folder), contents(place.parent))
    err = capsys.readouterr().err
    assert err == f"skood {name}: error: Another process is writing {str(place)!r}.\n"


@pytest.mark.parametrize("more", [(), ("--restart",), ("--resume",)])
@pytest.mark.parametrize("output", ["scores.csv", "scores.parquet"])
def test_a_second_run_midway_and_while_the_first_one_finishes(folder, output, more, monkeypatch):
    assert score(folder, output=f"alone-{output}") == 0
    said, finish = [], ArrowResults.finish

    def beside(*_):
        before = contents(folder)
        thread = threading.Thread(
            target=lambda: said.append(main(command(folder, "score", output, *more)))
        )
        thread.start()
        thread.join()
        assert contents(folder) == before

    def finish_beside(*arguments):
        beside()
        finish(*arguments)
        beside()

    monkeypatch.setattr(ArrowResults, "finish", finish_beside)
    monkeypatch.setattr("skood.cli._score_run.report", lambda *_: None)
    monkeypatch.setattr(
        "skood.cli.files.PartialFile.append", _once_before(ROWS // 2, beside, _append())
    )
    assert score(folder, output=output) == 0
    assert said == [2] * (3 if output.endswith("parquet") else 1)
    assert (folder / output).read_bytes() == (folder / f"alone-{output}").read_bytes()
    kept = ["d.skood", "new.csv", "train.csv", output, f"alone-{output}"]
    assert names_in(folder) == sorted(kept)


def _append():
    from skood.cli.files import PartialFile

    return PartialFile.append


def _once_before(row, act, method):
    """A method of the partial file that first acts, once, when so many rows are done."""
    acted = []

    def replaced(partial, *arguments):
        if partial.journal.rows > row and not acted:
            acted.append(act())
        return method(partial, *arguments)

    return replaced


def test_what_a_killed_detect_leaves_is_swept_by_the_next_command(folder):
    code = (
        "import os, signal, sys\nfrom skood.cli import main\n"
        "from skood.cli.files._results import CsvResults\n"
        "CsvResults.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\nmain(sys.argv[1:])"
    )
    done = run_python(code, *command(folder, "detect", "other.csv", "--quiet"))
    assert done.returncode == -signal.SIGKILL
    assert len(names_in(folder)) == 5
    assert main(command(folder, "fit", "d.skood", "--quiet")) == 0
    assert names_in(folder) == ["d.skood", "new.csv", "train.csv"]


SMALL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from skood.cli import main
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files cannot be limited there")
@pytest.mark.parametrize("output", ["scores.csv", "scores.parquet"])
def test_a_full_disk_keeps_whole_blocks_and_says_how_to_resume(folder, output):
    assert score(folder, output=f"alone-{output}") == 0
    done = run_python(SMALL, *command(folder, "score", output))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("cannot be written: File too large.")
    assert "Traceback" not in done.stderr
    again = done.stderr.split("resume with: ")[1].splitlines()[0].split()
    assert main(again[1:]) == 0
    assert (folder / output).read_bytes() == (folder / f"alone-{output}").read_bytes()
    assert f"{output}.part" not in names_in(folder)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_row_is_mended_and_the_run_resumed(folder, capsys, ending):
    good = numbers(ROWS, seed=1).assign(id=[f"r{i}" for i in range(ROWS)])
    bad, other = good.copy(), good.copy()
    bad.loc[ROWS - 1, "c1"] = None
    other.loc[5, "c1"] += 1
    new = folder / f"new{ending}"
    arguments = command(folder, "score", "scores.csv", "--id-column", "id")
    arguments[3] = str(new)
    write(bad, new)
    assert main(arguments) == 3
    assert f"{ROWS // 64 * 64:,} rows are kept in" in capsys.readouterr().err
    write(other, new)
    assert main([*arguments, "--resume"]) == 2
    assert "were written with another input" in capsys.readouterr().err
    write(good, new)
    assert main([*arguments, "--resume"]) == 0
    resumed = (folder / "scores.csv").read_bytes()
    assert main(arguments) == 0
    assert (folder / "scores.csv").read_bytes() == resumed


def test_formulas_are_escaped_and_numbers_are_not(folder):
    ids = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "a=1", "-5", "+1.5e3", "", '=a,"b"']
    write(numbers(10).assign(**{"=id": ids}), folder / "new.csv")
    more = ["--id-column", "=id", "--escape-formulas", "--quiet"]
    expected = [f"'{text}" if i < 5 or i == 9 else text for i, text in enumerate(ids)]
    for name in ("score", "detect"):
        assert main(command(folder, name, "scores.csv", *more)) == 0
        scores = pd.read_csv(folder / "scores.csv", dtype=str, keep_default_na=False)
        assert scores["'=id"].tolist() == expected
    plain = pd.read_csv(folder / "scores.csv").drop(columns="'=id")
    assert main(command(folder, "detect", "scores.csv", *more[:2], "--quiet")) == 0
    unescaped = pd.read_csv(folder / "scores.csv", keep_default_na=False)
    assert unescaped["=id"].tolist() == ids
    pd.testing.assert_frame_equal(unescaped.drop(columns="=id"), plain)


def test_a_terminal_gets_no_control_characters_of_files(folder, capsys):
    wild = "\x1b[2J\x9b31m\u202eevil"
    frame = numbers(200).assign(id=wild, kind=["a", "b"] * 100).rename(columns={"c1": wild})
    write(frame, folder / "train.csv")
    write(frame.assign(kind=[wild, "a"] * 100), folder / "new.csv")
    more = ["--id-column", "id", "--explain", "2"]
    assert main(command(folder, "fit", "d.skood", "--id-column", "id")) == 0
    assert main(["info", str(folder / "d.skood")]) == 0
    assert main(command(folder, "detect", "scores.csv", *more)) == 0
    assert main(command(folder, "detect", "scores.csv", "--exclude", wild, "none")) == 2
    bench = command(folder, "bench", "out.d", "--exclude", "id", "--labels", "kind")
    write(frame.assign(kind=[wild, "b"] * 100), folder / "train.csv")
    assert main(bench) == 0
    out, err = capsys.readouterr()
    assert not set("\x1b\x9b\r\u202e") & set(out + err)
    assert "\\x1b[2J\\x9b31m\\u202eevil" in out
    text = (folder / "out.d" / "bench.md").read_text()
    assert not set("\x1b\x9b\r\u202e") & set(text)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on Unix")
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 143), ("SIGINT", 130)])
def test_a_signal_keeps_the_rows_and_leaves_no_traceback(folder, capsys, monkeypatch, name, status):
    number, ctrl_c = getattr(signal, name), name == "SIGINT"
    usual = signal.default_int_handler if ctrl_c else signal.SIG_DFL
    before = signal.signal(number, usual)  # nohup and shells' jobs ignore some
    try:
        assert score(folder, output="alone.csv") == 0
        with monkeypatch.context() as patch:
            append = _once_before(ROWS // 2, lambda: os.kill(os.getpid(), number), _append())
            patch.setattr("skood.cli.files.PartialFile.append", append)
            assert score(folder) == status
        assert signal.getsignal(number) is usual
    finally:
        signal.signal(number, before)
    err = capsys.readouterr().err
    assert "rows are kept" in err
    assert err.endswith("interrupted\n" if ctrl_c else "terminated\n")
    assert score(folder, "--resume") == 0
    assert (folder / "scores.csv").read_bytes() == (folder / "alone.csv").read_bytes()


def test_a_journal_beside_a_finished_output_is_no_stopped_run(folder):
    assert score(folder) == 0
    expected = (folder / "scores.csv").read_bytes()
    (folder / "scores.csv.part.json").write_text('{"made_of": {}, "rows": 64}')
    assert score(folder) == 0
    assert (folder / "scores.csv").read_bytes() == expected
    assert names_in(folder) == ["d.skood", "new.csv", "scores.csv", "train.csv"]


def test_rows_beside_the_output_that_was_made_of_them_are_no_stopped_run(folder, monkeypatch):
    """As after a kill between the renaming and the clean-up."""
    left, remove = {}, PartialFile.remove

    def keep_and_remove(partial):
        left.update({path: path.read_bytes() for path in (partial.path, partial.journal_path)})
        remove(partial)

    with monkeypatch.context() as patch:
        patch.setattr(PartialFile, "remove", keep_and_remove)
        assert score(folder, output="scores.parquet") == 0
    expected = (folder / "scores.parquet").read_bytes()
    for more in ((), ("--resume",)):
        for path, content in left.items():
            path.write_bytes(content)
        assert score(folder, *more, output="scores.parquet") == 0
        assert (folder / "scores.parquet").read_bytes() == expected
        assert names_in(folder) == ["d.skood", "new.csv", "scores.parquet", "train.csv"]
        os.utime(folder / "scores.parquet", ns=(0, 1))  # another output
        for path, content in left.items():
            path.write_bytes(content)
        assert score(folder, output="scores.parquet") == 2
        for path in left:
            path.unlink()
        assert score(folder, output="scores.parquet") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="links and rights as on Unix")
def test_in_a_shared_folder_nothing_is_written_through_links_or_shown_to_others(folder):
    other = folder / "there"
    other.mkdir()
    for name in (".part", ".part.json", ".part.json.new"):
        (folder / f"scores.csv{name}").symlink_to(other / "secret")
    assert score(folder) == 0
    assert names_in(other) == []
    (other / "secret").write_text("mine")
    (folder / "scores.csv.part").symlink_to(other / "secret")
    (folder / "scores.csv.part.json").write_text("{}")
    assert score(folder, "--resume") == 2
    assert score(folder, "--restart") == 0
    assert (other / "secret").read_text() == "mine"
    outputs = {"detect": "scores.csv", "fit": "o.skood", "score": "scores.parquet"}
    for name, output in outputs.items():
        assert main(command(folder, name, output)) == 0
        (folder / output).chmod(0o600)
        assert main(command(folder, name, output)) == 0
        assert (folder / output).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("name", ["detect", "fit", "score", "bench"])
def test_outputs_that_are_links_are_followed(folder, name):
    output = {"bench": "out.d", "fit": "o.skood"}.get(name, "scores.parquet")
    place, there = folder / output, folder / "there"
    there.mkdir()
    if name == "bench":
        place.mkdir()
        place /= "bench.csv"
    place.symlink_to(there / "target")
    assert main(command(folder, name, output, *([] if name == "score" else ["--quiet"]))) == 0
    assert place.is_symlink()
    assert names_in(there) == ["target"]
    assert (there / "target").stat().st_size > 100


def test_an_output_that_is_a_device_or_an_input_by_a_link(folder, capsys):
    (folder / "null.csv").symlink_to(os.devnull)
    (folder / "same.csv").symlink_to(folder / "new.csv")
    assert score(folder, output="null.csv") == 2
    assert "null.csv' is a device" in capsys.readouterr().err
    assert score(folder, output="same.csv") == 2
    assert "is one of the inputs" in capsys.readouterr().err
    assert len(pd.read_csv(folder / "new.csv")) == ROWS


def test_bench_does_not_write_over_its_input(folder, capsys):
    write(numbers(100), folder / "bench.csv")
    files = ["--train", str(folder / "bench.csv"), "--output", str(folder)]
    assert main(["bench", *files, "--detectors", "md"]) == 2
    assert "is one of the inputs" in capsys.readouterr().err


def test_what_is_started_twice_ends_as_if_started_once(folder):
    arguments = command(folder, "score", "scores.csv")
    processes = [Started(SKOOD, *arguments) for _ in range(3)]
    done = [process.wait() for process in processes]
    statuses = {process.returncode for process in done}
    assert 0 in statuses
    assert statuses <= {0, 2}, done
    assert score(folder, output="alone.csv") == 0
    assert (folder / "scores.csv").read_bytes() == (folder / "alone.csv").read_bytes()
    assert names_in(folder) == ["alone.csv", "d.skood", "new.csv", "scores.csv", "train.csv"]


def test_a_closed_pipe_is_no_error(folder):
    skood = f"{sys.executable} -m skood"
    for arguments in (f"info {folder / 'd.skood'}", "score --help"):
        done = subprocess.run(
            ["bash", "-c", f"{skood} {arguments} | head -1; exit ${{PIPESTATUS[0]}}"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        assert done.returncode in (0, 141)
    for target, status in ((">/dev/full", 2), (">&-", 0), (">&- 2>&-", 0)):
        done = subprocess.run(
            ["bash", "-c", f"{skood} info {folder / 'd.skood'} {target}"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status
        assert done.stderr.count("\n") == ("full" in target)
        assert ("No space left" in done.stderr) == ("full" in target)
