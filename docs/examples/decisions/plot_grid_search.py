"""
Choosing a detector without any strange rows
============================================

Which detector, which scaling, how many neighbours? Out-of-distribution (OoD) rows would decide, but
mostly there are none. Classes of the training rows can stand in for them.
`~skood.model_selection.LeaveClassesOut` trains on some classes. It tests how well the detector
tells rows of the other classes from held-out rows of the trained classes. Splits and scorer go into
scikit-learn's ``GridSearchCV``.

Here we do have OoD rows, but we use them only afterwards, to measure the choice.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    PartialWhitener,
)
from skood.datasets import load_digits_ood
from skood.metrics import auroc
from skood.model_selection import LeaveClassesOut, ood_scorer, prefer_default

digits = load_digits_ood(n_far=0)  # the digits 0 to 7 are in-distribution, 8 and 9 are not

# %%
# The search
# ----------
#
# Each split leaves one of the eight digits out. The candidates are three ways to scale the columns,
# with seven detectors each. Left-out classes are *near* OoD rows, of the same kind of data. A
# candidate that wins among them by little may lose on rows of another kind. So
# `~skood.model_selection.prefer_default` keeps the preset unless another candidate leads by more
# than two standard errors of that lead.

detectors = [
    LCPOutlierDetector(),
    LCPOutlierDetector(perplexity=2.0),
    LCPOutlierDetector(locality=0.5),
    KNNOutlierDetector(),
    KNNOutlierDetector(n_neighbors=1),
    LOFOutlierDetector(),
    KernelDensityOutlierDetector(),
]
scalers = ["passthrough", StandardScaler(), PartialWhitener(0.5)]
default = {"detector": detectors[0], "scale": scalers[1]}  # make_outlier_detector("tabular-fast")

search = GridSearchCV(
    Pipeline([("scale", "passthrough"), ("detector", LCPOutlierDetector())]),
    {"scale": scalers, "detector": detectors},
    cv=LeaveClassesOut(5, random_state=0),
    scoring=ood_scorer("auroc"),
    refit=prefer_default(default, standard_errors=2.0),
).fit(digits.X_train, digits.y_train)
candidates = search.cv_results_["params"]
estimates = 100 * search.cv_results_["mean_test_score"]


def short(params):
    return f"{params['detector']} after {params['scale']}"


leader = candidates[int(np.argmax(estimates))]
print("chosen: ", short(search.best_params_))
print("leading:", short(leader))

# %%
# The value of the choice
# -----------------------
#
# Now we use two kinds of OoD rows. The first are eights and nines, which the splits imitate. The
# second are held-out digits with noise in their pixels, as from a bad scanner. We fit each
# candidate to all training rows. The AUROC measures how well it tells both kinds from held-out
# digits 0 to 7.

rng = np.random.default_rng(0)
noise = rng.normal(0.0, 3.0, digits.X_test.shape)
truth = {
    "digits 8 and 9": digits.X_near,
    "noisy digits": np.clip(np.rint(digits.X_test + noise), 0, 16),
}
measured = {kind: [] for kind in truth}
for params in candidates:
    pipeline = search.estimator.set_params(**params).fit(digits.X_train)
    inside = pipeline.score_samples(digits.X_test)
    for kind, rows in truth.items():
        labels = np.repeat([1, -1], [len(inside), len(rows)])
        scores = np.concatenate([inside, pipeline.score_samples(rows)])
        measured[kind].append(100 * auroc(labels, scores))

positions = {
    "preset": candidates.index(default),
    "chosen": candidates.index(search.best_params_),
}
for kind, values in measured.items():
    print(f"{kind}: mean of all {np.mean(values):.1f} %, best {np.max(values):.1f} %", end="")
    for name, i in positions.items():
        print(f", {name} {values[i]:.1f} %", end="")
    print()

# %%
# The dots are the candidates. The horizontal axis is the AUROC that the search saw, the vertical
# axis the AUROC on the OoD rows. For eights and nines the two agree, and the choice is worth a lot.
# For noise they disagree. Noise shows in pixels at the rim, which hardly vary among clean digits,
# and only scaled columns give these pixels weight. A choice is good if the left-out rows are like
# the OoD rows that come later.

figure, axes = plt.subplots(1, 2, figsize=(9.0, 4.4), layout="constrained")
colours = ("#0072B2", "#E69F00", "#009E73")
for ax, (kind, values) in zip(axes, measured.items(), strict=True):
    for scaler, colour, marker in zip(scalers, colours, "os^", strict=True):
        mine = [i for i, params in enumerate(candidates) if params["scale"] is scaler]
        name = scaler if isinstance(scaler, str) else type(scaler).__name__
        ax.plot(
            estimates[mine], np.array(values)[mine], marker, color=colour, alpha=0.8, label=name
        )
    for name, size in (("preset", 12), ("chosen", 17)):
        i = positions[name]
        ax.plot(
            estimates[i], values[i], "o", markersize=size, markerfacecolor="none",
            markeredgecolor="black" if name == "chosen" else "#777777", markeredgewidth=1.8,
            label=name,
        )  # fmt: skip
    ax.set(xlabel="AUROC on left-out digits, %", ylabel=f"AUROC on {kind}, %")
    ax.spines[["top", "right"]].set_visible(False)
figure.legend(
    *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False
)
plt.show()

# %%
# Without class labels, ``LeaveClassesOut(classes="kmeans")`` divides the rows into clusters. The
# scorer then needs the splitter: ``ood_scorer("auroc", cv=splitter)``. The benchmark of selection
# measures the rule on other data, also where it loses.
