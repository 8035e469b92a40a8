"""
Watching a table week by week
=============================

A cooling unit has five sensors. A reference month shows the normal state. Eight weeks without
labels follow. From the fourth week on the flow sensor reads more and more wrongly: its values
mostly stay within their usual range, but no longer agree with the other columns. In the seventh
week a loose cable spoils some readings.

For each week we ask: how many rows are flagged, is that more than chance, and which columns are the
cause?

The data are simulated. Their rows are independent of each other; readings of a real unit are not.
There, take readings at long intervals, since the p-values below need independent rows.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skood import ConformalOutlierDetector, explain, make_outlier_detector
from skood.plots import ScoreDistributionDisplay

# sphinx_gallery_thumbnail_number = 2

COLUMNS = ["temperature", "load", "flow", "pressure", "power"]


def readings(n, rng):
    """Rows in which flow follows the load, and pressure and power follow the flow."""
    temperature = 20.0 + 4.0 * rng.normal(size=n)
    load = rng.uniform(30.0, 90.0, n)
    flow = 0.5 * load + rng.normal(0.0, 1.2, n)
    pressure = 1.0 + 0.002 * flow**2 + rng.normal(0.0, 0.08, n)
    power = 0.06 * flow * pressure + 0.05 * temperature + rng.normal(0.0, 0.25, n)
    return pd.DataFrame(
        np.column_stack([temperature, load, flow, pressure, power]), columns=COLUMNS
    )


rng = np.random.default_rng(7)
reference = readings(2400, rng)
weeks = [readings(300, rng) for _ in range(8)]
for i in range(3, 8):
    weeks[i]["flow"] *= 1.0 - 0.03 * (i - 2)  # 3 % off in week 4, 15 % in week 8
weeks[6].loc[:5, "temperature"] = 0.0  # the loose cable

# %%
# Each column alone
# -----------------
#
# The usual monitor checks each column alone: are its values within the range of the reference? Here
# is the share of rows, for each week, with a value outside the middle 99 % of its column.

low, high = reference.quantile(0.005), reference.quantile(0.995)
outside = [100 * ((week < low) | (week > high)).any(axis=1).mean() for week in weeks]
print("some value out of its range, %:", *(f"{share:5.1f}" for share in outside))

# %%
# Whole rows
# ----------
#
# The fast preset for tables standardises the columns. It scores each row by its distance from its
# reconstruction by its nearest reference rows. `~skood.ConformalOutlierDetector` keeps a quarter of
# the reference rows to calibrate: in the mean it flags at most 5 % of rows like these.
#
# ``conformal_test`` tests a whole week. ``alternative="two-sided"`` also sees rows that are too
# typical, too alike or repeated, and columns that have moved or are stuck. With eight weeks, a
# p-value below 0.05 / 8 is worth an alarm.

detector = ConformalOutlierDetector(
    make_outlier_detector("tabular-fast"), alpha=0.05, random_state=0
).fit(reference)

flagged = [100 * np.mean(detector.predict(week) == -1) for week in weeks]
tests = [detector.conformal_test(week, alternative="two-sided") for week in weeks]
for i, (share, test) in enumerate(zip(flagged, tests, strict=True), 1):
    alarm = "  alarm" if test.p_value < 0.05 / 8 else ""
    print(f"week {i}: {share:5.1f} % flagged, p = {test.p_value:.1e}{alarm}")

# %%
# In the picture, all scores of the last week have moved to the left. A score is minus a distance,
# in units of the columns' standard deviations.

_ = ScoreDistributionDisplay(
    {"week 1": detector.score_samples(weeks[0]), "week 8": detector.score_samples(weeks[7])},
    threshold=detector.offset_,
    name="cooling unit",
).plot()

# %%
# Which columns moved
# -------------------
#
# `skood.explain` divides each score among the columns: a share says how much its column lowers the
# score. We take the mean share of each week minus the mean share of the first three weeks.

mean_shares = np.array([explain(detector, week).shares.mean(axis=0) for week in weeks])
extra = mean_shares - mean_shares[:3].mean(axis=0)

figure, (upper, lower) = plt.subplots(
    2, 1, figsize=(7.5, 5.6), layout="constrained", sharex=True, height_ratios=[1, 1.1]
)
numbers = np.arange(1, 9)
upper.plot(numbers, flagged, "o-", color="#D55E00", label="rows flagged")
upper.plot(numbers, outside, "s--", color="#0072B2", label="rows with a value out of its range")
upper.axhline(5.0, color="#777777", linewidth=0.8, linestyle=":", label="alpha = 5 %")
upper.set(ylabel="% of the rows", ylim=(0, None))
upper.legend(frameon=False, loc="upper left")
upper.spines[["top", "right"]].set_visible(False)
limit = np.abs(extra).max()
edges = np.arange(0.5, 9.0)
image = lower.pcolormesh(
    edges, np.arange(-0.5, 5.0), extra.T, cmap="RdBu_r", vmin=-limit, vmax=limit
)
lower.set_yticks(range(5), COLUMNS)
lower.set(xlabel="week")
lower.invert_yaxis()
figure.colorbar(image, ax=lower, label="share above\nthat of weeks 1-3", pad=0.02)
plt.show()

# %%
# The lower picture points at the flow. The three columns that depend on the flow still agree with
# each other, so the flow stands out. If only two columns depended on each other, a table alone
# could not show which sensor is wrong.
#
# Single rows have their own reasons. Here is the strangest row of the seventh week, with what its
# neighbours have, and the shares.

worst = int(np.argmin(detector.score_samples(weeks[6])))
print(explain(detector, weeks[6].iloc[[worst]]))
