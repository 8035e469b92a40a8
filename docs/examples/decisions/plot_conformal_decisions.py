"""
Decisions with a known error rate
=================================

A score ranks rows. To flag rows one needs a threshold, and a threshold needs a promise: how many
in-distribution (ID) rows are flagged by mistake? `~skood.ConformalOutlierDetector` fits the
detector without some of the training rows, scores these rows, and turns the rank of a new row among
them into a p-value. If the new row is ID, every rank has the same probability. That needs no
assumption on the detector or on the shape of the data, and holds for any number of rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator

from skood import ConformalOutlierDetector, LCPOutlierDetector
from skood.datasets import load_digits_ood
from skood.plots import PValueDisplay

# sphinx_gallery_thumbnail_number = 2

digits = load_digits_ood(test_size=0.4)
new = np.vstack([digits.X_test, digits.X_near])
labels = np.repeat([1, -1], [len(digits.X_test), len(digits.X_near)])

# %%
# p-values
# --------
#
# A share of at most alpha of the ID rows has a p-value of at most alpha: their curve lies along the
# diagonal. Many out-of-distribution (OoD) rows, here the digits 8 and 9, have small p-values. Their
# number depends on the detector: the guarantee is only about ID rows, and a useless detector keeps
# it too.

detector = ConformalOutlierDetector(LCPOutlierDetector(), alpha=0.05, random_state=0)
detector.fit(digits.X_train)
PValueDisplay.from_estimator(detector, new, labels, name="LCP on digits")
plt.show()

# %%
# The guarantee is in the mean
# ----------------------------
#
# With one set of calibration rows, the threshold flags a few more or a few fewer ID rows than
# alpha. So we fit a detector once, to 200 rows. Then we divide the other ID rows at random, 120
# times: 150 rows calibrate, the others are new. We compare with the detector's own threshold, below
# which 5 % of its training rows lie.

rest = np.vstack([digits.X_train[200:], digits.X_test])
frozen = FrozenEstimator(LCPOutlierDetector(contamination=0.05).fit(digits.X_train[:200]))
rng = np.random.default_rng(0)
shares = []
for i in range(120):
    order = rng.permutation(len(rest))
    calibrated = ConformalOutlierDetector(frozen, alpha=0.05, random_state=i)
    calibrated.fit(rest[order[:150]])
    shares.append(100 * np.mean(calibrated.predict(rest[order[150:]]) == -1))
uncalibrated = 100 * np.mean(frozen.predict(rest) == -1)
print(f"flagged ID rows, calibrated: mean {np.mean(shares):.2f} %, at most 5 % promised;")
print(f"one division in twenty above {np.quantile(shares, 0.95):.1f} %")
print(f"by the detector's own threshold: {uncalibrated:.2f} %, nothing promised")

figure, ax = plt.subplots(figsize=(6.8, 3.6), layout="constrained")
ax.hist(shares, bins=np.arange(0.0, 12.01, 0.5), color="#0072B2", alpha=0.6)
ax.axvline(np.mean(shares), color="#0072B2", label="calibrated: mean of all divisions")
ax.axvline(5.0, color="black", linestyle="--", label="alpha: 5 %")
ax.axvline(uncalibrated, color="#E69F00", linestyle="-.", label="the detector's own threshold")
ax.set(xlabel="ID rows flagged, %", ylabel="divisions of the rows")
ax.legend(frameon=False, loc="upper right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Many rows at once
# -----------------
#
# If 5 % of the ID rows are flagged and OoD rows are rare, most flagged rows are ID. With
# ``control="fdr"``, ``predict`` decides on the rows of one call together: in the mean at most a
# share alpha of the *flagged* rows is ID (the procedure of Benjamini and Hochberg). We draw batches
# of 190 ID rows and 10 patches of photographs.
#
# The price: a row's decision depends on the rows beside it. With too few calibration rows no row
# can be flagged at all, since no p-value is below 1 / (n + 1).

alphas = [0.02, 0.05, 0.1, 0.2, 0.3]
shares_of = {"marginal": {}, "fdr": {}}  # by alpha: (ID among the flagged, OoD flagged), a batch
for i in range(40):
    rng = np.random.default_rng(i)
    order = rng.permutation(len(rest))
    strange = digits.X_far[rng.choice(len(digits.X_far), 10, replace=False)]
    batch = np.vstack([rest[order[:190]], strange])
    calibrated = ConformalOutlierDetector(frozen, control="fdr", random_state=i)
    calibrated.fit(rest[order[190:]])
    p_values = calibrated.p_values(batch, random_ties=False)
    for alpha in alphas:
        together = calibrated.set_params(alpha=alpha).predict(batch) == -1
        for control, flagged in (("marginal", p_values <= alpha), ("fdr", together)):
            pair = flagged[:190].sum() / max(flagged.sum(), 1), flagged[190:].mean()
            shares_of[control].setdefault(alpha, []).append(pair)

means = {}
for control, by_alpha in shares_of.items():
    means[control] = 100 * np.array([np.mean(pairs, axis=0) for pairs in by_alpha.values()])
    for alpha, (wrong, caught) in zip(alphas, means[control], strict=True):
        print(
            f"{control:8s} alpha {100 * alpha:3.0f} %: {wrong:4.1f} % of the flagged rows are ID,",
            end="",
        )
        print(f" {caught:5.1f} % of the OoD rows are flagged")

figure, ax = plt.subplots(figsize=(6.8, 3.8), layout="constrained")
for (control, line), colour, marker in zip(
    means.items(), ("#D55E00", "#009E73"), "os", strict=True
):
    ax.plot(
        100 * np.array(alphas), line[:, 0], color=colour, marker=marker,
        label=f'control="{control}"',
    )  # fmt: skip
ax.plot([0, 30], [0, 30], color="#777777", linestyle=":", label="alpha")
ax.set(xlabel="alpha, %", ylabel="ID rows among the flagged, %", xlim=(0, 31), ylim=(0, None))
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
