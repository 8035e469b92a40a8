"""
Which places each detector finds strange
========================================

We fit five detectors, and one of them with another setting, to the same toy sets of two columns.
Two columns can be drawn, so we see which places each detector takes for in-distribution (ID) and
which for out-of-distribution (OoD). No detector is right everywhere. Toy sets do not show which
detector is best on your data: with many columns and real rows the order differs. They do show the
typical mistakes of each measure.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
)

# %%
# The sets
# --------
# One cloud; two clouds of very different density; two moons; and a ring, whose middle is empty.
# Each set has 300 training rows and 300 held-out rows from the same distribution.

N = 300


def one_cloud(rng):
    return rng.normal(size=(2 * N, 2)) @ np.array([[1.3, 0.5], [0.0, 0.6]])


def two_densities(rng):
    centres = np.where(rng.random((2 * N, 1)) < 0.5, [[-2.0, -1.0]], [[1.6, 1.0]])
    return centres + rng.normal(size=(2 * N, 2)) * np.where(centres[:, :1] < 0, 0.15, 0.9)


def moons(rng):
    X, _ = make_moons(2 * N, noise=0.08, random_state=rng.integers(2**31))
    return (X - [0.5, 0.25]) * 2.2


def ring(rng):
    angle, radius = rng.uniform(0, 2 * np.pi, 2 * N), rng.normal(2.5, 0.12, 2 * N)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


sets = {"one cloud": one_cloud, "two densities": two_densities, "moons": moons, "ring": ring}
detectors = {
    "LCP": LCPOutlierDetector(),
    "LCP, variance": LCPOutlierDetector(variance_weight=1.0),
    "kNN": KNNOutlierDetector(),
    "LOF": LOFOutlierDetector(),
    "KD": KernelDensityOutlierDetector(),
    "MD": MahalanobisOutlierDetector(),
}

# %%
# The pictures
# ------------
# The colour is the score of a place: brighter is more in-distribution. The darkest colour stands
# for the lowest 2 % of each panel. The red line is the threshold: with ``contamination=0.05``, 5 %
# of the training rows, each scored with itself left out, lie outside. The first number in the
# corner is the flagged share of held-out ID rows in percent (5 is the goal), the second that of the
# whole square.

rng = np.random.default_rng(0)
side = np.linspace(-4.5, 4.5, 90)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)

figure, axes = plt.subplots(4, 6, figsize=(10.5, 7.4), layout="constrained")
for line, (set_name, make) in zip(axes, sets.items(), strict=True):
    rows = make(rng)
    train, held_out = rows[:N], rows[N:]
    for ax, (name, detector) in zip(line, detectors.items(), strict=True):
        detector.fit(train)
        scores = detector.score_samples(grid)
        flagged_id = 100 * np.mean(detector.predict(held_out) == -1)
        flagged_all = 100 * np.mean(scores < detector.offset_)
        print(f"{set_name:14s} {name:14s} ID flagged {flagged_id:4.1f} %", end=", ")
        print(f"square flagged {flagged_all:4.1f} %")
        shape = (len(side), len(side))
        low = np.quantile(scores, 0.02)
        ax.contourf(side, side, np.maximum(scores, low).reshape(shape), levels=14, cmap="cividis")
        ax.contour(
            side, side, scores.reshape(shape), levels=[detector.offset_], colors="#D55E00",
            linestyles="solid",
        )  # fmt: skip
        ax.plot(*train.T, ".", color="white", markersize=2.5, markeredgewidth=0)
        ax.text(
            0.04, 0.04, f"{flagged_id:.0f} | {flagged_all:.0f}", transform=ax.transAxes,
            fontsize=9, bbox={"facecolor": "white", "edgecolor": "none", "pad": 2.0},
        )  # fmt: skip
        ax.set(xticks=[], yticks=[], aspect="equal", xlim=side[[0, -1]], ylim=side[[0, -1]])
    line[0].set_ylabel(set_name)
for ax, name in zip(axes[0], detectors, strict=True):
    ax.set_title(name, fontsize="medium")
plt.show()

# %%
# The differences
# ---------------
#
# * **MD**, the Mahalanobis distance, draws one ellipse for all rows. One ellipse fits one cloud,
#   but not the other sets: MD gives the empty middle of the ring the highest score of all. Class
#   labels in ``fit`` would help it on the two clouds.
# * **KD**, the kernel density, has one width for all rows. The width is too large for the dense
#   cloud: a row well outside still passes.
# * **kNN** has one threshold for the distance to the neighbours. The wide cloud needs a large
#   threshold, so the border around the dense cloud is far out.
# * **LOF** compares with the density around the neighbours, so each cloud gets its own border.
# * **LCP** is the distance of a row from its reconstruction by its neighbours. Where a place has
#   rows on both sides, such as between the moons, the mean of these rows may lie near the place:
#   look for passing spots there, and for ragged borders. This is the price of using only the mean
#   of the neighbours. With many columns the price is low, since a new row rarely lies in the middle
#   of other rows.
# * **LCP, variance** adds the spread of the neighbours around their mean, by
#   ``variance_weight=1.0``. The spots between the moons disappear.
#
# The benchmark of accuracy measures the detectors on real sets.
