"""Locks of outputs, and what killed processes leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from skood.storage.temporary_folder import new_temporary_folder
from skood.storage.whole_file import locked, written_whole

HOLD = """
import sys, time
from pathlib import Path
from skood.storage.whole_file import written_whole
with written_whole(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("holds", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_process(path):
    """A process that writes a file for as long as the block runs, and is killed then."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holds\n"
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, text):
    with written_whole(path) as temporary:
        temporary.write_text(text)


def test_a_second_process_changes_nothing_and_a_killed_one_is_swept(tmp_path):
    path, other = tmp_path / "a.csv", tmp_path / "b-a.csv"
    with another_process(path):
        left = names_in(tmp_path)
        assert len(left) == 2
        with pytest.raises(BlockingIOError, match="Another process is writing this file"):
            write(path, "mine")
        write(other, "beside")  # and leaves alone what a living process writes
        assert names_in(tmp_path) == sorted([*left, other.name])
    write(other, "again")
    assert names_in(tmp_path) == [other.name]
    with another_process(path):
        pass
    write(path, "mine")
    assert names_in(tmp_path) == ["a.csv", other.name]
    assert path.read_text() == "mine"


def test_a_process_waits_for_another_as_long_as_it_is_told(tmp_path):
    path, order = tmp_path / "a", []

    def first(started):
        with locked(path):
            started.set()
            time.sleep(0.2)
            order.append("first")

    started = threading.Event()
    thread = threading.Thread(target=first, args=[started])
    thread.start()
    started.wait()
    with locked(path, wait=60):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_one_at_a_time_though_each_removes_the_lock(tmp_path):
    path, inside, most = tmp_path / "a", [], []

    def turns(_):
        for _ in range(60):
            with locked(path, wait=60), locked(path):  # one thread may lock it again
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(turns, range(4)))
    assert max(most) == 1
    assert names_in(tmp_path) == []


def test_files_of_others_stay(tmp_path):
    kept = [".skood-new-a.csv", ".skood-new-00000000-b.csv", "a.csv.part", ".skood-lock"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    write(tmp_path / "a.csv", "new")
    assert names_in(tmp_path) == sorted([*kept, "a.csv"])


@pytest.mark.skipif(sys.platform == "win32", reason="links and devices as on Unix")
def test_links_are_followed_and_devices_are_no_outputs(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link.csv", tmp_path / "there" / "target.csv"
    link.symlink_to(target)
    for text in ("new", "newer"):
        write(link, text)
        assert target.read_text() == text
    assert link.is_symlink()
    assert names_in(target.parent) == ["target.csv"]
    os.mkfifo(tmp_path / "pipe")
    for path in (Path(os.devnull), tmp_path / "pipe", tmp_path / "there"):
        with pytest.raises(OSError, match=f"{path}"):
            write(path, "text")
    assert not Path(os.devnull).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="rights as on Unix")
def test_a_new_file_has_the_rights_of_the_old_one_while_it_is_written_too(tmp_path):
    path = tmp_path / "a.csv"
    write(path, "new")
    usual = path.stat().st_mode
    for mode in (0o600, 0o640, 0o444, 0o664):
        path.chmod(mode)
        with written_whole(path) as temporary:
            assert not temporary.stat().st_mode & 0o077
            temporary.write_text("newer")
        assert path.stat().st_mode & 0o777 == mode
    path.unlink()
    write(path, "new")
    assert path.stat().st_mode == usual


def test_what_cannot_be_swept_is_no_obstacle(tmp_path):
    (tmp_path / ".skood-new-00000000-a.csv").mkdir()
    (tmp_path / ".skood-lock-b.csv").mkdir()
    write(tmp_path / "a.csv", "new")
    assert (tmp_path / "a.csv").read_text() == "new"


@pytest.mark.parametrize("length", [200, 236, 255])
def test_long_names(tmp_path, length):
    write(tmp_path / ("x" * length), "new")
    assert names_in(tmp_path) == ["x" * length]


def test_errors_name_the_output(tmp_path):
    with pytest.raises(FileNotFoundError) as error, locked(tmp_path / "none" / "a.csv"):
        pass
    assert error.value.filename == str(tmp_path / "none" / "a.csv")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_the_temporary_folder_of_a_killed_process_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "skood-of-somebody").mkdir()  # without a lock: not ours
    ours, remove = new_temporary_folder()
    (ours / "rows.csv").write_text("kept")
    pid = os.fork()
    if not pid:
        folder, _ = new_temporary_folder()
        (folder / "rows.csv").write_text("left behind")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(list(tmp_path.iterdir())) == 3
    again, remove_again = new_temporary_folder()
    assert sorted(tmp_path.iterdir()) == sorted([ours, again, tmp_path / "skood-of-somebody"])
    assert (ours / "rows.csv").read_text() == "kept"
    remove()
    remove_again()
    assert list(tmp_path.iterdir()) == [tmp_path / "skood-of-somebody"]
