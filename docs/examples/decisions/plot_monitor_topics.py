"""
An alarm when the subject of texts changes
==========================================

A service embeds the texts that people send it. One day some of them are on another subject. The
embedding's columns have no meaning of their own, so the monitor watches the scores of the embedding
preset, and the strangest texts say what is new.

The texts are docstrings of packages that are here already, and the embedding is a small one: word
counts brought to 64 columns. A sentence transformer's rows take its place without another change.
"""

import inspect
from importlib import import_module

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skood import make_outlier_detector
from skood.monitoring import ConformalMonitor
from skood.plots import MonitorDisplay

NO_PROSE = (">>>", "--", "==", "\\", "::")  # code, headings, tables, formulas


def paragraphs(*modules):
    """Paragraphs of prose in the docstrings of public classes and functions, each once."""
    found = {}
    for module in map(import_module, modules):
        for name in module.__all__:
            doc = inspect.cleandoc(getattr(vars(module).get(name), "__doc__", "") or "")
            for part in doc.split("\n\n"):
                words = part.split()
                if len(words) >= 12 and not any(mark in part for mark in NO_PROSE):
                    found[" ".join(words)] = None
    return list(found)


rng = np.random.default_rng(1)
LEARN = "cluster decomposition ensemble feature_selection linear_model metrics model_selection"
LEARN += " neighbors preprocessing svm tree pipeline mixture manifold naive_bayes impute"
usual = paragraphs(*(f"sklearn.{name}" for name in LEARN.split()))
others = paragraphs("scipy.signal", "scipy.integrate")
rng.shuffle(usual)
n_fit = 2 * len(usual) // 3
print(f"{len(usual)} usual texts, {len(others)} on another subject")

# %%
# The stream
# ----------
#
# The last third of the usual texts come one after the other. In the second half of the stream,
# every other text is on signals or integrals.

stream = usual[n_fit:]
change = len(stream) // 2
is_other = (np.arange(len(stream)) >= change) & (rng.random(len(stream)) < 0.5)
new = iter(rng.permutation(others))
stream = [next(new) if other else text for text, other in zip(stream, is_other, strict=True)]

embed = make_pipeline(
    TfidfVectorizer(min_df=3, sublinear_tf=True), TruncatedSVD(64, random_state=0)
)
fit_rows = embed.fit_transform(usual[: n_fit // 2])  # the embedding's own texts
calibrated = embed.transform(usual[n_fit // 2 : n_fit])  # the monitor's: none that it has learned

# %%
# The embedding has learned from its own texts, so these look more usual than new ones. The monitor
# takes others. ``columns=False``: single directions of an embedding have no meaning.

monitor = ConformalMonitor(
    make_outlier_detector("embedding"), alpha=0.01, columns=False, random_state=0
).fit(calibrated)
for start in range(0, len(stream), 10):
    update = monitor.update(embed.transform(stream[start : start + 10]))
    if update.alarm:
        print(f"alarm at text {monitor.alarms_[0]['row']}; the subject changed at {change}")
since = monitor.since_
print(f"estimate: {since.row}, between {since.earliest} and {since.latest}")

# %%
# The strangest texts since the change:

for row in monitor.strangest(3):
    print(f"{row['row']} (p = {row['p_value']:.3f}): {stream[row['row']][:100]} ...")

# %%

_ = MonitorDisplay.from_estimator(monitor, name="texts")
plt.show()
