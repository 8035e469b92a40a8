"""TrainingTraceDisplay draws the quantities of a trace, a column for each layer."""

from __future__ import annotations

import numpy as np
import pytest

plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from skood.deep import TrainingTrace  # noqa: E402
from skood.plots import TrainingTraceDisplay  # noqa: E402


@pytest.fixture
def trace():
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    kinds = {name: torch.randn(20, 3, generator=generator) for name in ("known", "unknown")}
    trace = TrainingTrace(net, kinds, ["1", "2"], n_projections=4, random_state=0)
    trace.record(0)
    for step in (10, 100):
        with torch.no_grad():
            for p in net.parameters():
                p += 0.1 * torch.randn(p.shape, generator=generator)
        trace.record(step)
    return trace


def test_each_layer_is_a_column(trace):
    display = TrainingTraceDisplay.from_trace(trace)
    try:
        assert display.ax_.shape == (3, 2)
        assert [ax.get_title() for ax in display.ax_[0]] == ["1", "2"]
        known, unknown = display.ax_[1, 0].get_lines()
        assert (known.get_label(), unknown.get_label()) == ("known", "unknown")
        np.testing.assert_allclose(
            known.get_ydata(), np.median(trace.movements("known", "1"), axis=1)
        )
        (change,) = display.ax_[2, 1].get_lines()
        np.testing.assert_allclose(change.get_ydata(), trace.kernel_changes("2")[1:])
    finally:
        plt.close(display.figure_)


def test_given_axes_and_no_kernel():
    grown = np.outer([0.0, 1.0], [1.0, 2.0])
    figure, ax = plt.subplots(2, 1)
    try:
        display = TrainingTraceDisplay([0, 5], {"a": {"k": grown}}, {"a": {"k": grown}}).plot(ax)
        assert display.figure_ is figure
    finally:
        plt.close(figure)


def test_a_trace_of_one_checkpoint_is_an_error():
    net = torch.nn.Linear(3, 2)
    trace = TrainingTrace(net, {"known": np.ones((4, 3))}, "output", n_kernel_samples=0)
    trace.record(0)
    with pytest.raises(ValueError, match="'trace' parameter of TrainingTraceDisplay"):
        TrainingTraceDisplay.from_trace(trace)
