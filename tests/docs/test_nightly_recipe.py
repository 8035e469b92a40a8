"""The nightly job of the recipe: its script, its units and its line for cron, as on the page."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skood.cli import main

from .docs_pages import DOCS, blocks

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the docs are not here")
PATH = "/usr/local/bin/skood-nightly"


def _files() -> list[str]:
    return [
        block.code for block in blocks(DOCS / "recipes" / "nightly_job.md") if block.kind == "text"
    ]


def _orders(n: int, rng: np.random.Generator) -> pd.DataFrame:
    weight = rng.normal(2.0, 0.3, n)
    return pd.DataFrame(
        {"order": range(n), "weight": weight, "price": 12 * weight + rng.normal(0.0, 2.0, n)}
    )


@pytest.mark.skipif(os.name != "posix", reason="a script for sh")
def test_the_script_mails_alarms_with_scores_and_errors_without(tmp_path: Path):
    rng = np.random.default_rng(0)
    _orders(2000, rng).to_csv(tmp_path / "train.csv", index=False)
    fit = ["fit", "--train", str(tmp_path / "train.csv"), "--id-column", "order", "--quiet"]
    assert main([*fit, "--save", str(tmp_path / "detector.skood")]) == 0
    programs = {
        "skood-nightly": _files()[0],
        "skood": f'#!/bin/sh\nexec "{sys.executable}" -m skood "$@"\n',
        "mail": '#!/bin/sh\n{ echo "$@"; cat; } >> mails\n',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SKOOD_DATA": str(tmp_path),
    }

    def night(rows: pd.DataFrame) -> tuple[int, str]:
        """The status of the script, and the mails."""
        rows.to_csv(tmp_path / "today.csv", index=False)
        (tmp_path / "mails").write_text("")
        script = [str(tmp_path / "skood-nightly")]
        done = subprocess.run(script, env=environment, check=False, capture_output=True)
        assert done.stdout == done.stderr == b""
        return done.returncode, (tmp_path / "mails").read_text()

    normal = _orders(200, rng)  # of which tests/cli/test_alarms.py says that they are silent
    status, mail = night(normal.assign(weight=2.0))
    assert status == 4
    assert mail.startswith("-s strange rows -A scores.csv me@example.org\nskood score: alarm")
    assert "weight" in mail
    (tmp_path / "detector.skood").unlink()
    status, mail = night(normal)
    assert status in (2, 3)
    assert mail.startswith(f"-s the job failed ({status}) me@example.org\nskood")


def test_the_units(tmp_path: Path):
    script, cron, *units = _files()
    names = [re.search(r"^# (\S+)$", text, re.MULTILINE)[1] for text in (script, *units)]
    home = "/etc/systemd/system/skood-nightly"
    assert names == [PATH, f"{home}.service", f"{home}.timer"]
    assert re.fullmatch(rf"\d+ \d+ \* \* \* {PATH}\n", cron)
    parsed = []
    for text in units:
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str
        parser.read_string(text)
        parsed.append({name: dict(parser[name]) for name in parser.sections()})
    service, timer = parsed
    assert service["Service"] == {
        "Type": "oneshot",
        "ExecStart": PATH,
        "SuccessExitStatus": "1 4",
    }
    assert timer["Install"] == {"WantedBy": "timers.target"}
    assert timer["Timer"] == {"OnCalendar": "*-*-* 06:15", "Persistent": "true"}
    if shutil.which("systemd-analyze"):
        paths = []
        for name, text in zip(names[1:], units, strict=True):
            paths.append(tmp_path / Path(name).name)
            paths[-1].write_text(text.replace(PATH, "/bin/true"))
        verify = ["systemd-analyze", "verify", *map(str, paths)]
        subprocess.run(verify, check=True, capture_output=True)
