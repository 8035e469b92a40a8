"""
Why is this row strange?
========================

`skood.explain` gives each feature's share of a row's score, and the training rows behind the score.
We explain one wine and one picture. Then we break features ourselves, and count how often the
largest share belongs to the broken feature. This count is the honest test: an explanation always
looks convincing.
"""

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    MahalanobisOutlierDetector,
    explain,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.datasets import load_digits_ood
from skood.plots import ExplanationDisplay

# %%
# A wine of another kind
# ----------------------
#
# The detector knows two of the three cultivars. A share says how much its column lowers the score;
# the base minus all shares is the score. Shares belong to the columns of the given table, although
# the preset standardises them first.

wine = load_wine(as_frame=True)
known, third = wine.data[wine.target < 2], wine.data[wine.target == 2]
detector = make_outlier_detector("tabular-fast").fit(known)

explanation = explain(detector, third)
print(explanation)
print("shares sum to the score:", np.allclose(explanation.scores, -explanation.shares.sum(axis=1)))

strangest = int(np.argmin(explanation.scores))
ExplanationDisplay(explanation[strangest], name=f"wine {third.index[strangest]}").plot(n_features=8)
plt.show()

# %%
# A picture of another kind
# -------------------------
#
# The detector knows the digits 0 to 7. The features are pixels, so each pixel has a share: dark
# spots show where the picture differs from its reconstruction by its neighbours. The neighbours
# stand below, with their weights.

digits = load_digits_ood(n_far=0)
images = make_outlier_detector("tabular-fast").set_params(tablescaler="passthrough")
images.fit(digits.X_train)
nine = int(np.flatnonzero(digits.y_near == 9)[3])
ExplanationDisplay.from_estimator(
    images,
    digits.X_near,
    nine,
    X_train=digits.X_train,
    image_shape=(8, 8),
    name="a nine, for a detector of 0 to 7",
)
plt.show()

# %%
# How often is the explanation right?
# -----------------------------------
#
# Held-out wines are in-distribution. In each wine we break one column, as a typing error or a wrong
# unit would: we move its value by some standard deviations. Then we check whether the broken column
# has the largest of the 13 shares. By chance it would have it once in 13 times.

train, held_out = train_test_split(known, test_size=0.4, random_state=0)
detectors = {
    "LCP": make_outlier_detector("tabular-fast"),
    "kNN": make_outlier_pipeline(StandardScaler(), KNNOutlierDetector()),
    "KD": make_outlier_pipeline(StandardScaler(), KernelDensityOutlierDetector()),
    "MD": make_outlier_pipeline(StandardScaler(), MahalanobisOutlierDetector()),
}
rng = np.random.default_rng(0)
moves = [1.0, 2.0, 3.0, 5.0, 8.0]
columns = np.tile(np.arange(train.shape[1]), len(held_out))
rows = np.repeat(np.arange(len(held_out)), train.shape[1])
signs = rng.choice([-1.0, 1.0], len(rows))

hit_rates = {}
for name, pipeline in detectors.items():
    pipeline.fit(train)
    hit_rates[name] = []
    for move in moves:
        broken = held_out.to_numpy(dtype=float)[rows]
        broken[np.arange(len(rows)), columns] += signs * move * train.std().to_numpy()[columns]
        shares = explain(pipeline, pd.DataFrame(broken, columns=train.columns)).shares
        hit_rates[name].append(100 * np.mean(shares.argmax(axis=1) == columns))
    print(f"{name:4s} broken column has the largest share, %:", np.round(hit_rates[name], 1))

# %%
# A value that is one standard deviation off is not strange, so no explanation can find it. The
# further the value is off, the more often its column has the largest share.

figure, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
looks = zip(("#0072B2", "#E69F00", "#CC79A7", "#009E73"), "os^D", strict=True)
for (name, rates), (colour, marker) in zip(hit_rates.items(), looks, strict=True):
    ax.plot(moves, rates, color=colour, marker=marker, label=name)
ax.axhline(100 / 13, color="#777777", linestyle=":", label="chance")
ax.set(xlabel="move of the broken value, in standard deviations", ylim=(0, 102))
ax.set(ylabel="broken column has the largest share, %")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="center right")
plt.show()
