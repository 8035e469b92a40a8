"""Public callables, each with one argument of a valid call replaced by a bad value.

``python -m tests.properties.bad_arguments 10000 0`` makes so many calls, and prints the outcomes.
"""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

import skood
from skood import metrics
from skood.model_selection import LeaveClassesOut, NoveltyKFold
from skood.neighbors import ExactIndex, KDTreeIndex

from ..detectors import CALIBRATED, DETECTORS, TRANSFORMERS, VARIANTS, rows
from .other_arguments import others

X, LABELS = rows(40, 3), np.repeat([0, 1, 2, 3], 10)
SIGNS, SCORES = np.resize([1, -1], 40), np.linspace(-1, 1, 40)
P = np.full((2, 40, 3), 1 / 3)
K = np.abs(rows(40, 3, seed=1))
EYE = np.eye(3)

MEASURES: dict[str, dict[str, Any]] = {
    "class_proximity": {"differences": X, "class_weights": X},
    "class_weight_distances": {"weight": X[:4]},
    "contamination_threshold": {"training_scores": SCORES, "contamination": 0.1},
    "energy": {"logits": X, "temperature": 1.0},
    "fdbd_score": {"logits": X, "weight_distances": 1 - EYE, "mean_distances": K[:, 0]},
    "gaussian_process_deviation": {
        "X": X,
        "factor": EYE,
        "noise_variance": 0.5,
        "left_out": LABELS == 0,
    },
    "gaussian_process_factor": {"gram": EYE, "noise_variance": 0.5},
    "generalized_entropy": {"logits": X, "gamma": 0.1, "n_largest": 2},
    "kernel_weights": {"distances": K, "bandwidth": 1.0},
    "kl_matching_distance": {"probabilities": P[0], "templates": EYE},
    "knn_distance": {"distances": K, "aggregation": "mean"},
    "lcp_distance": {
        "X": X,
        "neighbors": np.stack([X] * 2, 1),
        "weights": K[:, :2],
        "variance_weight": 0.5,
    },
    "lcp_share_factors": {
        "differences": np.stack([X] * 2, 1),
        "weights": K[:, :2],
        "variance_weight": 0.5,
    },
    "left_out_mahalanobis_distance": {
        "X": X,
        "own_class": LABELS % 2,
        "means": X[:2],
        "whitening": EYE,
        "counts": [20, 20],
        "shrinkage": 0.1,
        "n_varying": 3,
    },
    "left_out_mahalanobis_share_factors": {
        "X": X,
        "own_class": LABELS % 2,
        "chosen": LABELS % 2,
        "means": X[:2],
        "whitening": EYE,
        "counts": [20, 20],
        "shrinkage": 0.1,
        "n_varying": 3,
    },
    "local_outlier_factor": {
        "reachability": K[:, 0],
        "neighbor_reachability": K,
        "zero_reachability": 1e-9,
    },
    "log_kernel_density": {"X": X, "training_rows": X, "bandwidth": 1.0, "exclude": np.arange(40)},
    "mahalanobis_distance": {"X": X, "means": X[:2], "whitening": EYE},
    "mahalanobis_share_factors": {"differences": X, "whitening": EYE},
    "max_logit": {"logits": X},
    "max_mean_probability": {"probabilities": P},
    "max_softmax": {"logits": X, "temperature": 1.0},
    "mean_reachability": {"distances": K, "neighbor_k_distance": K},
    "mutual_information": {"probabilities": P},
    "nnguide_score": {"confidences": K[:, 0], "guidances": K[:, 1]},
    "perplexity_weights": {"distances": K, "perplexity": 2.0, "tol": 1e-10, "max_iter": 100},
    "predictive_entropy": {"probabilities": P},
    "residual_norm": {"X": X, "origin": np.zeros(3), "complement": EYE[:, :1]},
    "share_factors": {"differences": X, "parts": X},
    "simplified_hopfield_energy": {
        "X": X,
        "patterns": X[:4],
        "predicted": LABELS,
        "left_out_of": [10] * 4,
    },
    "singularity_distance": {"features": X, "singularity": np.zeros(3)},
    "vim_score": {"logits": X, "residuals": K[:, 0], "scale": 1.0},
    "whitening_matrix": {"covariance": EYE},
}
METRICS: dict[str, dict[str, Any]] = {
    name: {"y_true": SIGNS, "scores": SCORES, "pos_label": 1}
    for name in ("auroc", "aupr_in", "aupr_out", "fpr_at_tpr", "detection_error")
}
METRICS["fpr_at_tpr"]["tpr"] = 0.95
METRICS["ood_report"] = {
    "y_true": SIGNS,
    "scores": SCORES,
    "n_bootstrap": 20,
    "confidence_level": 0.9,
    "random_state": 0,
}
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    -1.5,
    10**30,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "foo",
    "",
    b"x",
    [],
    [[]],
    {},
    set(),
    object(),
    int,
    len,
    Fraction(1, 3),
    1j,
    np.array([1, 2]),
    np.array(3.0),
    np.zeros((0, 3)),
    np.zeros((3, 0)),
    np.zeros((2, 2, 2, 2)),
    X[:7],
    X.T,
    X[:, :2],
    X[:, 0],
    X * 1e307,
    X * 1e-320,
    np.full((40, 3), np.nan),
    np.full((40, 3), np.inf),
    X.astype(complex),
    X.astype(str),
    X.astype(object),
    np.array([None] * 40),
    ["a"] * 40,
    [[1, 2], [3]],
    np.full(40, -1),
    np.full(40, 99),
    np.arange(40).astype("M8[D]"),
    np.ma.masked_array(X, X > 0),
    "mean",
    (1,),
    slice(3),
    np.float32(0.5),
    np.full((40, 3), 1e200),
    SCORES * 0,
    SIGNS.astype(bool),
    2**63,
    -(10**30),
    Ellipsis,
    range(40),
]


def callables(kinds: str) -> list[tuple[str, Any, dict[str, Any]]]:
    """The name, a function, and the arguments of a valid call of each public callable."""
    makers = {
        "measures": _functions, "plots": _displays, "estimators": _estimators, "others": others
    }  # fmt: skip
    return [call for kind, make in makers.items() if kind in kinds for call in make()]


def _functions() -> list[tuple[str, Any, dict[str, Any]]]:
    found = [(f"measures.{n}", getattr(skood.measures, n), a) for n, a in MEASURES.items()]
    return found + [(f"metrics.{name}", getattr(metrics, name), a) for name, a in METRICS.items()]


def _estimators() -> list[tuple[str, Any, dict[str, Any]]]:
    found: list[tuple[str, Any, dict[str, Any]]] = []
    estimators = [case.make() for case in DETECTORS + VARIANTS + CALIBRATED + TRANSFORMERS]
    estimators += [ExactIndex(), KDTreeIndex(), skood.make_outlier_detector("tabular")]
    for estimator in estimators:
        name = type(estimator).__name__
        found.append((name, _fit_of(estimator), estimator.get_params(deep=False)))
        found.append((f"{name}.fit", estimator.fit, {"X": X, "y": LABELS}))
        fitted = estimator.__sklearn_clone__().fit(X, LABELS)
        methods = ("score_samples", "predict", "transform", "p_values", "explain")
        found += [
            (f"{name}.{m}", getattr(fitted, m), {"X": X}) for m in methods if hasattr(fitted, m)
        ]
    splitters = (LeaveClassesOut(), NoveltyKFold())
    return found + [(type(s).__name__, _split_of(s), vars(s).copy()) for s in splitters]


def _fit_of(estimator: Any) -> Any:
    def fit(**parameters: Any) -> Any:
        return type(estimator)(**parameters).fit(X, LABELS)

    return fit


def _split_of(splitter: Any) -> Any:
    def split(**parameters: Any) -> Any:
        return list(type(splitter)(**parameters).split(X, LABELS))

    return split


def _displays() -> list[tuple[str, Any, dict[str, Any]]]:
    if not skood._optional.is_installed("matplotlib"):
        return []
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    from skood import plots

    def drawn(make: Any) -> Any:
        def draw(**arguments: Any) -> Any:
            plot = {k[5:]: arguments.pop(k) for k in list(arguments) if k.startswith("plot_")}
            try:
                display = make(**arguments)
                return display.plot(**plot) if plot else display
            finally:
                plt.close("all")

        return draw

    knn = skood.KNNOutlierDetector().fit(X)
    both = {"estimator": knn, "X": X, "y": SIGNS, "name": "a"}
    sets = {"y_true": SIGNS, "scores": SCORES, "name": "a"}
    p_values = {"y_true": SIGNS, "p_values": np.abs(SCORES), "alpha": 0.1, "name": "a"}
    layers = {"layer_scores": X, "layer_names": list("abc"), "y_true": SIGNS, "plot_sort": True}
    curve, score = plots.OODCurveDisplay, plots.ScoreDistributionDisplay
    explained = plots.ExplanationDisplay
    one = {
        "explanation": knn.explain(X[:1]),
        "name": "a",
        "plot_n_features": 2,
        "plot_n_neighbors": 2,
    }
    row = {"estimator": knn, "X": X, "row": 3, "X_train": X, "name": "a"}
    return [
        ("OODCurveDisplay", drawn(curve.from_estimator), both),
        ("OODCurveDisplay", drawn(curve.from_predictions), {**sets, "plot_curve": "both"}),
        ("ScoreDistributionDisplay", drawn(score.from_estimator), both),
        (
            "ScoreDistributionDisplay",
            drawn(score.from_predictions),
            {**sets, "threshold": 0.0, "plot_bins": 9, "plot_legend": True},
        ),
        (
            "PValueDisplay",
            drawn(plots.PValueDisplay.from_predictions),
            {**p_values, "plot_ax": None},
        ),
        ("LayerScoreDisplay", drawn(plots.LayerScoreDisplay), layers),
        ("ExplanationDisplay", drawn(explained), one),
        ("ExplanationDisplay", drawn(explained.from_estimator), row),
    ]


def outcome(function: Any, arguments: dict[str, Any], name: str, value: Any) -> str:
    """Empty if the call answers, or ends in a sentence that names the argument; else the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(**{**arguments, name: value})
    except NotFittedError:
        return ""
    except OSError as error:  # a path that is no file
        return "" if name == "path" else repr(error)
    except (ValueError, TypeError, ImportError) as error:
        text = str(error)
        last = traceback.extract_tb(error.__traceback__)[-1].filename
        place = Path(last).parts
        of_sklearn = "sklearn" in place or (
            "numpy" not in place and text.startswith(("Found", "Input"))
        )
        named = text.startswith("The '") or re.search(
            rf"\b{re.escape(name.removeprefix('plot_'))}\b", text
        )
        if of_sklearn or (named and "\n" not in text and text.endswith(".") and len(text) < 1000):
            return ""
        return f"{type(error).__name__}: {text[:150]!r} ({'/'.join(place[-2:])})"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:150]!r}"
    return ""


def _shown(value: Any) -> str:
    return f"{value!r:.60}" if not isinstance(value, int) or value < 10**300 else "10**400"


def outcomes(n: int, seed: int, kinds: str) -> list[tuple[str, str, str, str]]:
    """The callable, the argument, the value and the outcome of so many calls."""
    random = np.random.default_rng(seed)
    known = callables(kinds)
    found = []
    for _ in range(n):
        name, function, arguments = known[random.integers(len(known))]
        names = list(arguments)
        argument, value = names[random.integers(len(names))], VALUES[random.integers(len(VALUES))]
        said = outcome(function, arguments, argument, value)
        found.append((name, argument, _shown(value), said))
    return found


if __name__ == "__main__":
    which = " ".join(sys.argv[3:]) or "measures plots estimators others"
    results = outcomes(int(sys.argv[1]), int(sys.argv[2]), which)
    bad = [result for result in results if result[3]]
    print(f"{len(bad)} of {len(results)} end in another error")
    print(Counter(f"{name}.{argument}" for name, argument, _, _ in bad).most_common(60))
    for name, argument, value, said in bad:
        print(name, argument, value.replace("\n", " "), "->", said)
    sys.exit(bool(bad))
