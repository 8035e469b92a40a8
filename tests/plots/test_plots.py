"""The Displays: their numbers, their drawings, and the matplotlib state that they leave alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skood import KNNOutlierDetector, LayerEnsemble, LCPOutlierDetector, explain
from skood._optional import install_command, is_installed
from skood.metrics import aupr_in, auroc, fpr_at_tpr
from skood.plots import (
    ExplanationDisplay,
    LayerScoreDisplay,
    OODCurveDisplay,
    PValueDisplay,
    ScoreDistributionDisplay,
)

from ..detectors import rows
from ..processes import run_python

drawn = pytest.mark.skipif(
    not is_installed("matplotlib"), reason="matplotlib (extra 'plots') is not installed"
)


@pytest.fixture(autouse=True)
def no_windows():
    """Draw in memory, and close the figures."""
    if not is_installed("matplotlib"):
        yield
        return
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    backend = mpl.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


def _axes(n=1):
    from matplotlib.figure import Figure

    return Figure(layout="constrained").subplots(1, n)


def _data():
    X, y = rows(80), np.repeat([1, -1], [60, 20])
    X[60:] += 6.0
    return X, y


@pytest.fixture
def detector():
    return KNNOutlierDetector(5).fit(rows(100, seed=1), np.arange(100) % 3)


@pytest.fixture
def ensemble():
    layers = {"first": [0, 1], "second": [2], "third": [3]}
    return LayerEnsemble(KNNOutlierDetector(5), groups=layers).fit(rows(100, seed=1))


class Uniform:
    """Has p-values."""

    alpha = 0.1

    def p_values(self, X):
        return np.linspace(0.005, 0.995, len(X))


def _displays(detector, ensemble, **options):
    X, y = _data()
    return [
        ScoreDistributionDisplay.from_estimator(detector, X, y, **options),
        OODCurveDisplay.from_estimator(detector, X, y, curve="roc", **options),
        LayerScoreDisplay.from_estimator(ensemble, X, y, **options),
        PValueDisplay.from_estimator(Uniform(), X, y, **options),
        ExplanationDisplay.from_estimator(detector, X, 3, **options),
    ]


@drawn
def test_a_figure_is_made_only_where_no_axes_are_given(detector, ensemble):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    plt.close("all")  # an earlier example may have left figures
    settings = dict(mpl.rcParams)
    for display in _displays(detector, ensemble):
        assert display.figure_.number in plt.get_fignums()
        assert display.ax_.figure is display.figure_
        assert display.plot(ax=None) is display
    assert len(plt.get_fignums()) == 10
    plt.close("all")
    ax = _axes()
    for display in _displays(detector, ensemble, ax=ax):
        assert display.figure_ is ax.figure
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == settings


@drawn
def test_axes_say_what_they_show(detector, ensemble):
    for display in _displays(detector, ensemble):
        assert display.ax_.get_xlabel()
        if not isinstance(display, ExplanationDisplay):  # its bars have names
            assert display.ax_.get_ylabel()
        display.figure_.canvas.draw()  # every warning is an error


def test_without_matplotlib_numbers_are_kept_and_plot_says_what_is_missing():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from skood.plots import *\n"
        "display = ScoreDistributionDisplay.from_predictions([1, -1], [0.5, 0.1], threshold=0.2)\n"
        "print(display.flagged)\n"
        "print(OODCurveDisplay.from_predictions([1, -1], [0.5, 0.1]).curves['detector'].auroc)\n"
        "print(PValueDisplay.from_predictions([1, -1], [0.5, 0.1]).p_values)\n"
        "display.plot()"
    )
    done = run_python(code)
    assert done.stdout.splitlines() == [
        "{'ID': 0.0, 'OoD': 1.0}",
        "1.0",
        "{'ID': array([0.5]), 'OoD': array([0.1])}",
    ]
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: ScoreDistributionDisplay needs the module 'matplotlib', which is not "
        f"installed: run {install_command('plots')} (the extra 'plots')."
    )


def test_plots_import_no_matplotlib():
    code = "import sys, skood.plots; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---- score distribution


def test_score_distribution_keeps_scores_and_flagged_shares(detector):
    X, y = _data()
    scores = detector.score_samples(X)
    display = ScoreDistributionDisplay.from_predictions(y, scores, threshold=detector.offset_)
    np.testing.assert_array_equal(display.scores["ID"], scores[:60])
    np.testing.assert_array_equal(display.scores["OoD"], scores[60:])
    flagged = detector.predict(X) == -1
    assert display.flagged == {"ID": flagged[:60].mean(), "OoD": flagged[60:].mean()}
    assert list(ScoreDistributionDisplay.from_predictions([1, 1], [0.0, 1.0]).scores) == ["ID"]


@drawn
def test_score_distribution_draws_percent_of_each_set_and_the_threshold(detector):
    X, y = _data()
    pipeline = make_pipeline(FunctionTransformer(), detector)
    display = ScoreDistributionDisplay.from_estimator(pipeline, X, y, bins=20)
    assert display.threshold == detector.offset_
    assert display.name == "KNNOutlierDetector"
    assert display.ax_.get_title("left").startswith("KNNOutlierDetector: flags ")
    filled = [patch for patch in display.ax_.patches if patch.get_fill()]
    assert [patch.get_label() for patch in filled] == ["ID", "OoD"]
    assert [patch.get_hatch() for patch in filled] == [None, "////"]
    for patch, scores in zip(filled, display.scores.values(), strict=True):
        percents, edges, _ = patch.get_data()
        assert percents.sum() == pytest.approx(100)
        inner = (scores > edges[1]) & (scores < edges[-2])
        expected, _ = np.histogram(scores[inner], edges)
        np.testing.assert_allclose(percents[1:-1], 100 * expected[1:-1] / len(scores))
    (line,) = display.ax_.lines
    assert set(line.get_xdata()) == {detector.offset_}


@drawn
@pytest.mark.parametrize(
    "scores", [[1.0, 1.0, 1.0], [-np.inf, 0.0, 1.0], [-np.inf, -np.inf, np.inf]]
)
def test_score_distribution_of_odd_scores(scores):
    display = ScoreDistributionDisplay.from_predictions([1, 1, -1], scores, threshold=-np.inf)
    display.plot()
    assert sum(patch.get_data()[0].sum() for patch in display.ax_.patches) == pytest.approx(400)
    assert not display.ax_.lines


@pytest.mark.parametrize("y", [[0, 1, 1], [1, 1], ["a", "b", "c"], [1.0, -1.0, 2.0]])
def test_other_labels_are_refused(y):
    message = r"^The 'y_true' parameter of {} must be 3 labels, \+1 for in-distribution"
    for display, name in (
        (ScoreDistributionDisplay, "ScoreDistributionDisplay"),
        (PValueDisplay, "PValueDisplay"),
    ):
        with pytest.raises(ValueError, match=message.format(name)):
            display.from_predictions(y, [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=message.format("LayerScoreDisplay")):
        LayerScoreDisplay(np.zeros((3, 2)), y_true=y)


@pytest.mark.parametrize("values", [[], [[1.0]], [np.nan, 1.0]])
def test_values_that_are_none(values):
    with pytest.raises(ValueError, match=r"^The 'scores' parameter of Score\w+ must be one or"):
        ScoreDistributionDisplay({"ID": values})
    with pytest.raises(ValueError, match=r"must be a dict of names of sets to their values\. Got"):
        ScoreDistributionDisplay(values)


# ---- curves


def test_curves_are_those_of_the_metrics(detector):
    X, y = _data()
    X[60:] -= 4.0  # harder
    scores = detector.score_samples(X)
    display = OODCurveDisplay.from_predictions(y, {"a": scores, "b": -scores})
    for sign, curve in zip((1, -1), display.curves.values(), strict=True):
        assert curve.auroc == auroc(y, sign * scores)
        assert curve.aupr_in == aupr_in(y, sign * scores)
        assert curve.fpr95 == fpr_at_tpr(y, sign * scores)
        area = np.sum(np.diff(curve.fpr) * (curve.tpr[1:] + curve.tpr[:-1]) / 2)
        assert area == pytest.approx(curve.auroc)
        steps = np.sum(np.diff(curve.tpr) * curve.precision[1:])
        assert steps == pytest.approx(curve.aupr_in)


def test_curves_refuse_other_labels():
    with pytest.raises(ValueError, match=r"OODCurveDisplay\.from_predictions"):
        OODCurveDisplay.from_predictions([0, 1], [0.1, 0.2])


@drawn
def test_curves_and_markers_are_drawn(detector):
    X, y = _data()
    X[60:] -= 4.0
    other = LCPOutlierDetector().fit(rows(100, seed=1))
    display = OODCurveDisplay.from_estimator({"kNN": detector, "LCP": other}, X, y)
    roc, pr = display.ax_
    lines = [line for line in roc.lines if len(line.get_xdata()) > 2]
    points = [line for line in roc.lines if len(line.get_xdata()) == 1]
    looks = zip(display.curves.items(), lines, points, pr.lines, strict=True)
    for (name, curve), line, point, other_line in looks:
        np.testing.assert_allclose(line.get_xdata(), 100 * curve.fpr)
        np.testing.assert_allclose(line.get_ydata(), 100 * curve.tpr)
        np.testing.assert_allclose(other_line.get_ydata(), 100 * curve.precision)
        assert (point.get_xdata()[0], point.get_ydata()[0]) == (100 * curve.fpr95, 95)
        assert line.get_linestyle() == other_line.get_linestyle()
        assert name in other_line.get_label()
    assert lines[0].get_linestyle() != lines[1].get_linestyle()
    assert points[0].get_marker() != points[1].get_marker()
    texts = [text.get_text() for text in roc.get_legend().get_texts()]
    assert texts[0] == (
        f"kNN: AUROC {100 * display.curves['kNN'].auroc:.1f} %, "
        f"FPR95 {100 * display.curves['kNN'].fpr95:.1f} %"
    )


@drawn
def test_curves_on_given_axes(detector):
    X, y = _data()
    axes = _axes(2)
    display = OODCurveDisplay.from_estimator(detector, X, y, ax=axes, name="kNN")
    assert display.ax_ == tuple(axes)
    assert list(display.curves) == ["kNN"]
    single_axes = _axes()
    assert display.plot(single_axes, curve="pr").ax_ is single_axes
    assert "recall" in single_axes.get_xlabel()
    with pytest.raises(ValueError, match=r"'ax' parameter of OODCurveDisplay\.plot must be 2 Axes"):
        display.plot(single_axes)
    with pytest.raises(ValueError, match=r"'curve' parameter of OODCurveDisplay\.plot must be one"):
        display.plot(curve="det")


# ---- layers


@drawn
def test_layer_scores_are_drawn_in_order(ensemble):
    X, y = _data()
    order = np.random.default_rng(0).permutation(80)
    pipeline = make_pipeline(FunctionTransformer(), ensemble)
    display = LayerScoreDisplay.from_estimator(pipeline, X[order], y[order])
    np.testing.assert_array_equal(display.layer_scores, ensemble.layer_scores(X[order]))
    names = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert names == ["first", "second", "third"]
    (mesh,) = display.ax_.collections
    shown = mesh.get_array()
    assert shown.shape == (3, 80)
    means = shown.mean(axis=0)
    assert (np.diff(means[:60]) <= 0).all()
    assert (np.diff(means[60:]) <= 0).all()
    np.testing.assert_allclose(np.sort(means[:60]), np.sort(ensemble.layer_scores(X[:60]).mean(1)))
    assert [text.get_text() for text in display.ax_.texts] == ["ID (60)", "OoD (20)"]
    display.plot(sort=False)
    in_order = ensemble.layer_scores(X[order][y[order] == 1])
    np.testing.assert_allclose(display.ax_.collections[0].get_array()[:, :60], in_order.T)


@drawn
@pytest.mark.parametrize("n_id", [0, 1, 700, 1399, 1400])
def test_many_samples_share_columns_but_not_with_the_other_kind(n_id):
    y = np.repeat([1, -1], [n_id, 1400 - n_id])
    scores = np.where(y == 1, 1.0, -1.0)[:, np.newaxis] * [1.0, 2.0]
    display = LayerScoreDisplay(scores, y_true=y).plot()
    shown = display.ax_.collections[0].get_array()
    assert 499 <= shown.shape[1] <= 502
    assert set(np.unique(shown)) <= {-2.0, -1.0, 1.0, 2.0}


@drawn
def test_layer_scores_without_labels():
    display = LayerScoreDisplay(np.arange(6.0).reshape(3, 2)).plot()
    assert display.layer_names == ["layer0", "layer1"]
    assert not display.ax_.texts


def test_layer_scores_that_are_none(detector):
    with pytest.raises(ValueError, match="'estimator' parameter of LayerScoreDisplay must be a La"):
        LayerScoreDisplay.from_estimator(detector, rows())
    for scores in (np.zeros(3), np.full((2, 2), np.nan), np.zeros((0, 2))):
        with pytest.raises(ValueError, match="'layer_scores' parameter of LayerScoreDisplay must"):
            LayerScoreDisplay(scores)
    with pytest.raises(ValueError, match=r"'layer_names' parameter .* must be 2 names or None"):
        LayerScoreDisplay(np.zeros((3, 2)), ["one"])


# ---- p-values


@drawn
def test_p_values_are_drawn_as_shares():
    X, y = _data()
    display = PValueDisplay.from_estimator(Uniform(), X, y)
    assert display.alpha == 0.1
    lines = {line.get_label(): line for line in display.ax_.lines}
    inside = display.p_values["ID"]
    line = lines[f"ID: {100 * np.mean(inside <= 0.1):.1f} % at alpha"]
    # a step at each p-value, to the share of p-values up to it
    np.testing.assert_allclose(line.get_xdata()[1:-1], 100 * inside)
    np.testing.assert_allclose(line.get_ydata()[1:-1], 100 * np.arange(1, 61) / 60)
    assert set(lines["alpha = 10 %"].get_xdata()) == {10.0}
    (band,) = display.ax_.collections
    assert band.get_label() == "95 % of 60 uniform p-values"
    low, high = band.get_datalim(display.ax_.transData).intervaly
    assert (low, high) == (0, 100)


@drawn
def test_the_band_holds_uniform_numbers():
    draws = np.random.default_rng(0).uniform(size=(400, 60))
    display = PValueDisplay.from_predictions(np.ones(60), draws[0]).plot()
    corners = display.ax_.collections[0].get_paths()[0].vertices
    at_30 = corners[np.isclose(corners[:, 0], 30.0)][:, 1]
    shares = 100 * (draws <= 0.3).mean(axis=1)
    held = (shares >= at_30.min() - 1e-9) & (shares <= at_30.max() + 1e-9)
    assert 0.93 < held.mean() < 0.99


def test_p_values_that_are_none(detector):
    with pytest.raises(ValueError, match="'estimator' parameter of PValueDisplay must be a detect"):
        PValueDisplay.from_estimator(detector, rows())
    with pytest.raises(ValueError, match=r"'p_values' parameter of PValueDisplay must be in \[0, "):
        PValueDisplay({"ID": [0.5, 1.5]})


# ---- explanations


def test_the_largest_shares_and_the_rest(detector):
    explanation = detector.explain(_data()[0][60:61])
    display = ExplanationDisplay(explanation)
    features, others = display.top(3)
    shares = explanation.shares[0]
    assert [share for _, share in features] == sorted(shares, reverse=True)[:2]
    assert others == pytest.approx(shares.sum() - sum(share for _, share in features))
    features, others = display.top(4)
    assert len(features) == 4
    assert others == 0


@drawn
def test_bars_and_neighbors_are_drawn(detector):
    X, _ = _data()
    display = ExplanationDisplay.from_estimator(detector, X, -1, n_features=3, name="kNN")
    expected = detector.explain(X[-1:])
    np.testing.assert_array_equal(display.explanation.shares, expected.shares)
    assert set(display.axes_) == {"shares", "neighbors"}
    widths = [bar.get_width() for bar in display.ax_.patches]
    assert sum(widths) == pytest.approx(-expected.scores[0])
    labels = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert labels[0] == expected.feature_names[expected.shares[0].argmax()]
    assert labels[-1] == "2 others"
    assert display.ax_.get_title("left").splitlines() == ["kNN", f"score {expected.scores[0]:.4g}"]
    near = display.axes_["neighbors"]
    np.testing.assert_allclose([bar.get_width() for bar in near.patches], 20.0)
    first = expected.neighbors.indices[0, 0]
    assert near.get_yticklabels()[0].get_text() == f"row {first} ({first % 3})"
    assert set(display.plot(n_neighbors=0).axes_) == {"shares"}


def _images(n=60, channels=()):
    return np.random.default_rng(0).uniform(size=(n, *channels, 4, 4))


@drawn
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_images_are_drawn_as_images(channels):
    X = _images(channels=channels)
    flat = FunctionTransformer(_flatten)
    detector = KNNOutlierDetector(4).fit(_flatten(X))
    display = ExplanationDisplay.from_estimator(
        detector, _flatten(X), 2, X_train=_flatten(X), image_shape=X.shape[1:], n_neighbors=3
    )
    assert set(display.axes_) == {"sample", "shares", "neighbor 0", "neighbor 1", "neighbor 2"}
    nearest = display.explanation.neighbors.indices[0, 0]
    image = X[nearest] if not channels else np.moveaxis(X[nearest], 0, -1).squeeze()
    np.testing.assert_array_equal(display.neighbor_samples[0], image)
    shares = display.explanation.shares[0].reshape(X.shape[1:])
    np.testing.assert_allclose(display.pixel_shares, shares if not channels else shares.sum(axis=0))
    np.testing.assert_array_equal(display.ax_.images[0].get_array(), display.pixel_shares)
    # raw images pass a step that is not linear: shares do not belong to pixels
    pipeline = make_pipeline(flat, KNNOutlierDetector(4)).fit(X)
    display = ExplanationDisplay.from_estimator(pipeline, X, 2, X_train=X)
    assert display.pixel_shares is None
    assert display.sample is not None
    assert len(display.neighbor_samples) == 4


def _flatten(X):
    return np.asarray(X).reshape(len(X), -1)


@drawn
def test_shares_of_pixels_through_principal_components():
    X = _flatten(_images())
    pipeline = make_pipeline(StandardScaler(), PCA(5), LCPOutlierDetector()).fit(X)
    display = ExplanationDisplay.from_estimator(pipeline, X, image_shape=(4, 4))
    assert display.pixel_shares.sum() == pytest.approx(-pipeline.score_samples(X[:1])[0])
    assert "neighbors" in display.axes_  # without images of them


@drawn
def test_layers_as_bars_beside_the_image(ensemble):
    X, _ = _data()
    explanation = ensemble.explain(X)[3].by_group()
    display = ExplanationDisplay(explanation, sample=np.zeros((8, 8))).plot()
    assert set(display.axes_) == {"sample", "shares"}
    labels = {tick.get_text() for tick in display.ax_.get_yticklabels()}
    assert labels == {"first", "second", "third"}


@drawn
def test_an_explanation_divides_the_place_of_given_axes(detector):
    axes = _axes(2)
    display = ExplanationDisplay.from_estimator(detector, _data()[0], ax=axes[1])
    assert not axes[1].axison
    place = axes[1].get_subplotspec().get_position(axes[1].figure)
    for panel in display.axes_.values():
        inner = panel.get_subplotspec().get_position(axes[1].figure)
        assert place.x0 - 1e-9 <= inner.x0 < inner.x1 <= place.x1 + 1e-9
    free = axes[0].figure.add_axes([0.1, 0.1, 0.2, 0.2])
    with pytest.raises(
        ValueError, match=r"'ax' parameter of ExplanationDisplay\.plot must be None"
    ):
        display.plot(free)


def test_explanations_that_are_none(detector):
    X, _ = _data()
    for wrong in (detector.explain(X), None):
        with pytest.raises(
            ValueError, match=r"'explanation' parameter .* must be the Explanation of"
        ):
            ExplanationDisplay(wrong)
    explanation = explain(detector, X[:1])
    with pytest.raises(ValueError, match=r"'sample' parameter .* must be images of shape \(heig"):
        ExplanationDisplay(explanation, sample=np.zeros((2, 5, 5)))
    with pytest.raises(ValueError, match="row=80: range object"):
        ExplanationDisplay.from_estimator(detector, X, 80)
    for name in ("n_features", "n_neighbors"):
        with pytest.raises(ValueError, match=f"'{name}' parameter of ExplanationDisplay"):
            ExplanationDisplay(explanation).plot(**{name: -1})
