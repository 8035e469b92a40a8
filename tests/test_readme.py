"""The README's Python runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

from .detectors import rows

README = Path(__file__).parents[1] / "README.md"


def test_the_example_for_ones_own_data_runs(tmp_path):
    (code,) = re.findall(
        r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    columns = ["length", "width", "height", "weight"]
    pd.DataFrame(rows(200), columns=columns).to_csv(tmp_path / "train.csv", index=False)
    new = pd.DataFrame(rows(30, seed=1), columns=columns)
    new.loc[7, "width"] = 60.0
    new.to_csv(tmp_path / "new.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 11
    assert lines[1].startswith("7 ")
    assert lines[1].endswith("-1")
