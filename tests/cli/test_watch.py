"""`skood watch`: each row once, in one run or in many."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import skood
from skood.cli import main
from skood.monitoring import ConformalMonitor

from .cli_files import Stdin, numbers, write


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted")
    write(numbers(800), folder / "train.csv")
    fit = ["fit", "--train", str(folder / "train.csv"), "--detector", "md", "--quiet"]
    assert main([*fit, "--save", str(folder / "d.skood")]) == 0
    assert main([*fit, "--save", str(folder / "other.skood"), "--seed", "1"]) == 0
    return folder


@pytest.fixture
def watch(fitted, tmp_path, monkeypatch, capsys):
    """Run a watch of the folder "feed" once: its status, and what it says."""
    monkeypatch.chdir(tmp_path)
    Path("feed").mkdir()

    def run(*more, feed="feed", detector="d", once=True):
        arguments = ["watch", str(fitted / f"{detector}.skood"), "--input", feed]
        arguments += ["--state", "m.skood", *(["--once", "--every", "0.001"] if once else [])]
        status = main([*arguments, *more])
        return status, *capsys.readouterr()

    return run


def rows(n=40, seed=1, shift=0.0):
    return numbers(n, seed=seed).add([0.0, shift, 0.0, 0.0])


def n_seen():
    return skood.load("m.skood").n_seen_


def timed(frame, start):
    times = pd.date_range(start, periods=len(frame), freq="min").strftime("%Y-%m-%dT%H:%M:%S")
    return frame.assign(time=times)


def test_the_state_is_that_of_one_monitor_that_has_seen_all_rows(watch, fitted):
    parts = [rows(40, seed) for seed in (1, 2, 3)]
    monitor = ConformalMonitor.from_fitted(skood.load(fitted / "d.skood"), random_state=0)
    for i, part in enumerate(parts):
        write(part, Path(f"feed/part-{8 + i}.csv"))  # part-9 comes before part-10
    status, out, err = watch()
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == [
        f"part-{i}.csv" for i in (8, 9, 10)
    ]
    for part in parts:
        monitor.update(part)
    assert watch() == (0, "", "")
    write(rows(20, 4), Path("feed/part-11.parquet"))
    assert watch()[1].startswith("part-11.parquet: 20 rows, ")
    monitor.update(rows(20, 4))
    state = skood.load("m.skood")
    assert (state.n_seen_, state.e_value_) == (monitor.n_seen_, monitor.e_value_)
    pd.testing.assert_frame_equal(state.history_, monitor.history_)


def test_an_alarm_is_told_once_and_stands_until_it_is_reset(watch):
    write(rows(200), Path("feed/a.csv"))
    write(rows(200, 2, shift=3.0), Path("feed/b.csv"))
    status, out, err = watch()
    (line,) = [line for line in out.splitlines() if line.startswith("ALARM")]
    assert "moved most: c1" in line
    assert (status, err) == (4, "")
    assert watch() == (4, "", "")
    assert watch("--reset") == (0, "", "")
    assert n_seen() == 0
    write(rows(20, 3), Path("feed/c.csv"))
    assert watch()[0] == 0
    assert n_seen() == 20  # the ledger stays: a.csv and b.csv are known


def test_an_alarm_that_was_saved_but_not_told_is_told_by_the_next_run(watch, monkeypatch):
    write(rows(200, 2, shift=3.0), Path("feed/b.csv"))

    def killed(_facts):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("skood.cli._watch_run.alarm_json", killed)
        assert watch("--json")[0] == 130
    status, out, err = watch("--json")
    facts = json.loads(out)
    assert (status, facts["event"], facts["moved"][0]) == (4, "alarm", "c1")
    assert facts["place"].startswith("b.csv, row ")
    assert "ALARM" in err
    assert watch("--json") == (4, "", "")


def test_with_an_average_run_length_alarms_go_on(watch):
    for i, shift in enumerate((0.0, 3.0, 3.0)):
        write(rows(200, i, shift), Path(f"feed/{i}.csv"))
    status, out, _ = watch("--average-run-length", "5000", "--quiet")
    assert status == 4
    assert out.count("ALARM") >= 2
    assert watch("--quiet") == (0, "", "")  # no alarm in this run


def test_the_watch_goes_on_and_ends_with_an_alarm(watch):
    write(rows(100), Path("feed/a.csv"))
    said = []
    arguments = ["--every", "0.02", "--exit-on-alarm", "--report", "r.html"]
    thread = threading.Thread(target=lambda: said.append(watch(*arguments, once=False)))
    thread.start()
    while not (Path("r.html").exists() and ">100<" in Path("r.html").read_text()):
        assert thread.is_alive()
    write(rows(60, 2, shift=3.0), Path("feed/.b.csv"))  # a name that the feed leaves out
    write(rows(60, 2, shift=3.0), Path("feed/_b.csv"))
    write(rows(200, 2, shift=3.0), Path("b.csv"))
    Path("b.csv").rename("feed/b.csv")
    thread.join()
    assert said[0][0] == 4
    assert n_seen() == 300
    assert "<strong>Alarm</strong>" in Path("r.html").read_text()
    assert watch("--exit-on-alarm", once=False)[0] == 4  # it stands


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_file_grows_by_whole_lines(watch, ending):
    text = text_of(rows(), ending)
    places = np.linspace(0, len(text), 9).astype(int)
    path, counted = Path(f"feed/log.{ending}"), 0
    for place in places[1:]:
        path.write_bytes(text[:place])
        status, _, err = watch("--every", "60")
        assert status == 0
        assert ("waits: " in err) == (not text[:place].endswith(b"\n"))
        n_whole = text[:place].count(b"\n") - (ending == "csv")
        assert (n_seen(), n_whole >= counted) == (n_whole, True)
        counted = n_whole
    assert n_seen() == 40


def text_of(frame, ending):
    if ending == "csv":
        return frame.to_csv(index=False).encode()
    return frame.to_json(orient="records", lines=True).encode()


def test_the_last_line_of_an_old_file_needs_no_end(watch):
    path = write(rows(), Path("feed/a.csv"))
    path.write_bytes(path.read_bytes().rstrip())
    status, _, err = watch()
    assert (status, n_seen(), err) == (0, 39, "waits: a.csv has an unfinished last line\n")
    age(path, 3_700)
    assert watch()[0] == 0
    assert n_seen() == 40


def age(path, seconds):
    about = path.stat()
    os.utime(path, (about.st_atime - seconds, about.st_mtime - seconds))


def test_cells_may_hold_line_ends(watch, fitted):
    frame = rows(60).assign(note=[f'line "{i}"\n, and more\n' for i in range(60)])
    text = text_of(frame, "csv")
    path = Path("feed/log.csv")
    for place in np.linspace(60, len(text), 12).astype(int):
        path.write_bytes(text[:place])
        assert watch("--exclude", "note", "--every", "60")[0] == 0
    assert n_seen() == 60


@pytest.mark.parametrize("ending", ["parquet", "csv.gz"])
def test_a_file_that_is_written_anew_with_more_rows(watch, ending):
    path = Path(f"feed/a.{ending}")
    for n, known in ((30, 30), (30, 30), (40, 40)):
        write(rows(40)[:n], path)
        assert watch()[0] == 0
        assert n_seen() == known
    write(rows(25, seed=9), path)
    status, out, err = watch()
    assert (status, n_seen()) == (0, 65)
    assert "has been replaced" in err
    assert " 25 rows, " in out


def test_renamed_files_are_known_and_copies_are_new_rows(watch):
    path = write(rows(), Path("feed/a.csv"))
    write(rows(30, 2), Path("feed/b.parquet"))
    watch()
    path.rename("feed/a-old.csv")
    write(rows(10, 3), path)  # as logs are rotated
    _, out, err = watch()
    assert n_seen() == 80
    assert err == "a-old.csv is a.csv under a new name: its rows were counted before\n"
    with path.open("ab") as file:
        file.write(text_of(rows(12, 4), "csv").split(b"\n", 1)[1])
    Path("feed/a-2.csv").write_bytes(path.read_bytes())
    path.write_bytes(text_of(rows(5, 5), "csv"))  # copied and cut, before all was taken
    _, out, err = watch()
    assert n_seen() == 97
    assert err.startswith("a-2.csv is a.csv under a new name")
    Path("feed/c.parquet").write_bytes(Path("feed/b.parquet").read_bytes())
    _, out, err = watch()
    assert n_seen() == 127
    assert err == "c.parquet is a copy of b.parquet: its rows count again\n"
    assert "c.parquet: 30 rows" in out


def bad_files():
    good = text_of(rows(seed=5), "csv")
    parquet = io.BytesIO()
    rows(seed=5).to_parquet(parquet)
    array = io.BytesIO()
    np.save(array, rows(seed=5))
    return {
        "missing": ("m.csv", text_of(rows().drop(columns="c1"), "csv"), "lacks the column 'c1'"),
        "extra": ("m.csv", text_of(rows().assign(z=1), "csv"), "has the column 'z' that"),
        "empty": ("m.csv", b"", "m.csv is empty."),
        "header": ("m.csv", good.splitlines(keepends=True)[0], "m.csv has no rows."),
        "cut": ("m.parquet", parquet.getvalue()[:-30], "is damaged."),
        "empty parquet": ("m.parquet", b"", "is damaged."),
        "no number": ("m.csv", good.replace(b"\n", b"\nx", 1), "'c0'"),
        "gap": ("m.csv", good.replace(b"\n", b"\n,0,0,0\n", 1), "missing value"),
        "no columns": ("m.npy", array.getvalue(), "has no named columns"),
        "names": ("m.csv", good.split(b"\n", 1)[1], "The first line of m.csv has numbers"),
    }


@pytest.mark.parametrize("kind", bad_files())
def test_a_bad_file_is_set_aside_and_the_watch_goes_on(watch, kind):
    name, content, fault = bad_files()[kind]
    write(rows(30, 1), Path("feed/a.csv"))
    write(rows(30, 2), Path("feed/z.csv"))
    path = Path("feed", name)
    path.write_bytes(content)
    age(path, 10)
    status, out, err = watch("--report", "r.html")
    assert (status, n_seen(), out.count("\n")) == (3, 60, 2)
    assert fault in err
    assert "set aside until it changes" in err
    assert err.count("\n") == 1
    assert "Files set aside" in Path("r.html").read_text()
    assert watch() == (0, "", "")  # told once
    if path.suffix == ".npy":
        path = path.with_suffix(".csv")
    write(rows(40, 5), path)
    assert watch("--report", "r.html")[0] == 0
    assert n_seen() == 100
    if name != "m.npy":
        assert "Files set aside" not in Path("r.html").read_text()


def test_a_fresh_bad_file_waits(watch):
    Path("feed/a.parquet").write_bytes(b"PAR1 and not more so far")
    status, out, err = watch("--every", "60")
    assert (status, out) == (0, "")
    assert err.startswith("waits: a.parquet ")


def test_a_bad_row_of_a_growing_file_is_left_out_when_the_file_goes_on(watch):
    lines = text_of(rows(50), "csv").splitlines(keepends=True)
    path = Path("feed/log.csv")
    path.write_bytes(b"".join(lines[:11]))
    assert watch()[0] == 0
    lines[20] = b"1,2,3\n"
    path.write_bytes(b"".join(lines[:31]))
    status, _, err = watch("--every", "0.0001")
    assert (status, n_seen()) == (3, 10)
    assert "10 of its rows were counted before" in err
    path.write_bytes(b"".join(lines))
    status, _, err = watch()
    assert (status, n_seen()) == (3, 49)
    assert err.startswith("skood watch: 1 row of log.csv left out: ")
    assert watch() == (0, "", "")


def test_a_bad_row_may_be_mended(watch):
    lines = text_of(rows(50), "csv").splitlines(keepends=True)
    path = Path("feed/log.csv")
    path.write_bytes(b"".join([*lines[:20], b"1,2,3\n", *lines[21:]]))
    age(path, 10)
    assert watch()[0] == 3
    assert n_seen() == 0
    path.write_bytes(b"".join(lines))
    assert watch()[0] == 0
    assert n_seen() == 50


def test_times_that_go_back_are_no_rows(watch):
    write(timed(rows(30), "2026-05-02"), Path("feed/a.csv"))
    assert watch("--timestamps", "time")[0] == 0
    late = write(timed(rows(30, 2), "2026-05-01"), Path("feed/b.csv"))
    write(timed(rows(30, 3), "2026-05-03"), Path("feed/c.parquet"))
    age(late, 10)
    status, _, err = watch("--timestamps", "time", "--report", "r.html")
    assert (status, n_seen()) == (3, 60)
    assert "timestamps go back" in err
    assert "2026-05-03 00:29" in Path("r.html").read_text()


def test_lines_of_stdin(watch, monkeypatch):
    for i, ending in enumerate(("csv", "jsonl"), start=1):
        monkeypatch.setattr("sys.stdin", Stdin(text_of(rows(30, i), ending)))
        status, out, err = watch(feed="-")
        assert (status, n_seen(), err) == (0, 30 * i, "")
        assert out.startswith("stdin: 30 rows, ")
    content = text_of(rows(30), "csv").replace(b"\n", b"\n1,2,3\n", 3)
    monkeypatch.setattr("sys.stdin", Stdin(content.rstrip()))
    status, _, err = watch(feed="-")
    assert (status, n_seen()) == (3, 90)
    assert err.startswith("skood watch: 3 rows of stdin left out: Row 1 of stdin has 3 values")
    monkeypatch.setattr("sys.stdin", Stdin(text_of(rows().drop(columns="c1"), "csv")))
    status, _, err = watch(feed="-")
    assert (status, n_seen()) == (3, 90)
    assert "lacks the column 'c1'" in err


def test_an_alarm_ends_a_watch_of_stdin_that_waits(fitted, tmp_path):
    script = "import sys; from skood.__main__ import run; sys.exit(run())"
    command = ["watch", fitted / "d.skood", "--input", "-", "--state", tmp_path / "m.skood"]
    command += ["--exit-on-alarm", "--json", "--quiet", "--every", "0.1"]
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(text_of(rows(200, 2, shift=3.0), "csv"))
        process.stdin.flush()  # and not closed
        assert json.loads(process.stdout.read())["event"] == "alarm"
        assert process.wait() == 4
        assert process.stderr.read() == b""


def test_rows_without_names_are_arrays(watch, tmp_path, fitted):
    np.save("train.npy", numbers(800))
    assert main(["fit", "--train", "train.npy", "--detector", "md", "--save", "a.skood"]) == 0
    np.save("feed/a.npy", rows(30))
    write(rows(20, 2), Path("feed/b.csv"))
    status, out, err = watch(detector=tmp_path / "a")
    assert (status, n_seen(), out.count("\n")) == (0, 50, 2)
    assert "the columns of b.csv are taken in their order" in err


def test_patterns_and_subfolders(watch):
    Path("feed/2026").mkdir()
    for seed, name in enumerate(("a.csv", "b.jsonl", "2026/c.csv", "notes.txt")):
        Path("feed", name).write_bytes(text_of(rows(10, seed), name.rpartition(".")[2]))
    assert watch(feed="feed/*.csv")[0] == 0
    assert n_seen() == 10
    Path("m.skood").unlink()
    assert watch()[0] == 0
    assert n_seen() == 30
    Path("m.skood").unlink()
    assert watch(feed="feed/b.jsonl")[0] == 0
    assert n_seen() == 10


def test_arguments_that_cannot_be_used(watch, fitted):
    def error(*more, **how):
        status, out, err = watch(*more, **how)
        assert (status, out) == (2, "")
        return err

    assert "in quotes" in error("--input", "a.csv", "b.csv")
    assert "--input must be a file, a folder" in error(feed="fed")
    fit = ["fit", "--train", str(fitted / "train.csv"), "--alpha", "none", "--save", "none.skood"]
    assert main([*fit, "--detector", "md", "--quiet"]) == 0
    skood.load("none.skood")
    status = main(["watch", "none.skood", "--input", "feed", "--state", "n.skood", "--once"])
    assert status == 2
    assert "is not a state of skood watch" in error("--state", str(fitted / "other.skood"))
    write(rows(), Path("feed/a.csv"))
    watch()
    assert "belongs to another detector" in error(detector="other")
    assert "was started with alpha=0.01" in error("--alpha", "0.05")
    assert "was started with columns=True" in error("--no-columns")
    assert watch("--alpha", "0.01", "--columns")[0] == 0
    from skood.storage.whole_file import locked

    with locked(Path("m.skood")):
        said = []
        thread = threading.Thread(target=lambda: said.append(error()))
        thread.start()
        thread.join()
    assert "Another process is writing 'm.skood'" in said[0]
    assert "--state and --report must be files" in error("--report", "-")


def test_a_state_that_cannot_be_written_loses_nothing(watch, monkeypatch):
    write(rows(), Path("feed/a.csv"))
    watch()
    write(rows(30, 2), Path("feed/b.csv"))

    def full(*_args, **_how):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("skood.save", full)
        status, _, err = watch()
    assert (status, n_seen()) == (2, 40)
    assert "'m.skood' cannot be written: No space left" in err
    assert watch()[0] == 0
    assert n_seen() == 70
