"""What loading does with crafted files.

``python -m tests.storage.crafted_run crafted 1000 0`` makes and loads so many, and prints the
outcomes; so does ``damaged``, without right checksums.
"""

from __future__ import annotations

import io
import os
import select
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

import skood
from skood.cli import main

from .crafted import craft, damage, make_bases

SECONDS, MEGABYTES, TIMES = 60, 100, 10
OPENED: list[str] = []
_LISTEN = False


def _listen(event, arguments):
    if _LISTEN and event in ("open", "socket.connect", "subprocess.Popen", "os.system"):
        OPENED.append(f"{event} {arguments[0]!s}"[:200])


def outcome(path: Path, *, command: bool = False) -> str:
    """What loading does: "loaded", "refused" in one sentence, or what went wrong."""
    global _LISTEN
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    OPENED.clear()
    _LISTEN = True
    try:
        if command:
            status = main(["info", str(path)])
            said = "loaded" if status == 0 else "refused"
        else:
            skood.load(path)
            said = "loaded"
    except ValueError as error:
        text = str(error)
        whole = type(error) is ValueError and "\n" not in text and text.endswith(".")
        said = (
            "refused"
            if whole and len(text) < 1500 and text.isprintable()
            else f"no sentence: {text!r}"
        )
    except BaseException as error:
        said = f"foreign: {type(error).__name__}: {error}"
    _LISTEN = False
    others = [o for o in OPENED if str(path) not in o and not o.endswith((".py", ".pyc", ".so"))]
    if others:
        said = f"opened {others}"
    used = (_memory("VmHWM") - before) / 1000
    allowed = MEGABYTES + TIMES * path.stat().st_size / 1e6
    return said if used < allowed else f"used {used:.0f} MB of {allowed:.0f}"


def _memory(name: str) -> int:
    """Kilobytes of memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name)))


def outcomes(kind: str, n: int, seed: int, folder: Path) -> list[tuple[str, str]]:
    """What was changed in each file, and what loading did."""
    random = np.random.default_rng(seed)
    bases = make_bases(folder)
    for base in bases:
        assert outcome(base) in ("loaded", "refused"), base
    sys.addaudithook(_listen)
    found = []
    for number in range(n):
        path = folder / "crafted.skood"
        make = {"crafted": craft, "damaged": damage}[kind]
        text = make(bases[random.integers(len(bases))], path, random)
        read, write = os.pipe()
        child = os.fork()  # each with its own memory to measure
        if not child:
            sys.stdout = sys.stderr = io.StringIO()
            said = outcome(path, command=number % 5 == 4)
            os.write(write, said.encode(errors="replace")[:4000])
            os._exit(0)
        os.close(write)
        ended = bool(select.select([read], [], [], SECONDS)[0])
        if not ended:
            os.kill(child, signal.SIGKILL)
        with os.fdopen(read, "rb") as pipe:
            said = pipe.read().decode(errors="replace")
        status = os.waitpid(child, 0)[1]
        found.append((text, said or f"died with status {status}"))
        if "-v" in sys.argv:
            print(number, *found[-1], flush=True)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        found = outcomes(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(where))
    right = ("loaded", "refused") if sys.argv[1] == "crafted" else ("refused",)
    print(Counter(said if said in right else "wrong" for _, said in found))
    for text, said in found:
        if said not in right:
            print(text[:200], "->", said[:600])
    sys.exit(any(said not in right for _, said in found))
