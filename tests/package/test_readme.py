"""The README's Python runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skood import KNNOutlierDetector, make_outlier_detector

from ..detectors import rows
from ..processes import run_python

README = Path(__file__).parents[2] / "README.md"


def _examples() -> list[str]:
    text = README.read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_the_example_for_ones_own_data_runs(tmp_path):
    own_data, _, _ = _examples()
    columns = ["length", "width", "height", "weight"]
    train, new = (
        pd.DataFrame(rows(n, seed=seed), columns=columns) for n, seed in ((200, 0), (30, 1))
    )
    new.loc[7, "width"] = 60.0
    for frame in (train, new):
        frame["colour"] = np.where(frame["length"] > 0, "red", "blue")
        frame.to_csv(tmp_path / f"{'train' if frame is train else 'new'}.csv", index=False)
    done = run_python(own_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 11
    assert lines[1].startswith("7 ")
    assert lines[1].endswith("-1")


def test_gaps_are_filled_as_it_says():
    frame = pd.DataFrame(rows(60), columns=list("abcd"))
    frame.loc[[3, 9], "b"] = np.nan
    detector = make_outlier_detector("tabular")
    with pytest.raises(ValueError, match=r"missing values \(2 in 'b'\)"):
        detector.fit(frame)
    detector.set_params(tablescaler__missing="median").fit(frame)
    assert np.isfinite(detector.score_samples(frame)).all()


def test_the_example_of_a_network_runs():
    torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
    _, network, _ = _examples()
    net = torch.nn.Sequential()
    net.add_module("conv1", torch.nn.Conv2d(1, 3, 3))
    net.add_module("conv2", torch.nn.Conv2d(3, 4, 3))
    net.add_module("flat", torch.nn.Flatten())
    net.add_module("fc1", torch.nn.Linear(64, 5))
    images = np.random.default_rng(0).normal(size=(60, 1, 8, 8)).astype(np.float32)
    names = {"net": net, "images": images}
    exec(network, names)  # noqa: S102
    detector = names["detector"]
    assert detector.layer_names_ == ["conv1", "conv2", "fc1"]
    assert detector.score_samples(images + 10).max() < detector.offset_


def test_the_example_of_saving_runs(tmp_path, monkeypatch):
    pytest.importorskip("skops", reason="skops (extra 'io') is not installed")
    _, _, saving = _examples()
    monkeypatch.chdir(tmp_path)
    detector = KNNOutlierDetector().fit(rows())
    names = {"detector": detector}
    exec(saving, names)  # noqa: S102
    assert names["detector"] is not detector
    np.testing.assert_array_equal(
        names["detector"].score_samples(rows()), detector.score_samples(rows())
    )
