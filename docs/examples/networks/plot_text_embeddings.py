"""
Embeddings of a text model
==========================

A text model turns texts into rows, and a detector on these rows finds texts on other subjects. Our
model is old and small, so this page needs no download: a truncated singular value decomposition
brings word counts (TF-IDF) to 64 columns. The model ignores the order of words, and words that it
has not met. With a transformer's sentence embeddings in its place, the rest of this page stays the
same.
"""

import inspect
import re
from importlib import import_module

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, normalize

from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.metrics import auroc
from skood.plots import ScoreDistributionDisplay

# %%
# Texts that are here already
# ---------------------------
#
# Everyone who runs this page has the docstrings of scikit-learn, SciPy and Python. A text is three
# sentences in a row, without headings, parameters and code. Texts of scikit-learn are
# in-distribution (ID). Texts of SciPy are near out-of-distribution (OoD) texts, in the same style
# on other subjects. Texts of Python's own library are further away.

# code, headings, tables, parameters, references, and sentences that SciPy repeats
NO_PROSE = re.compile(r">>>|---|===|::|\||\w\s:\s|\.\. \[|:ref:|Array API|ARRAY_API|backend")


def texts(*modules):
    """Texts of the public classes and functions, each with the number of its docstring."""
    number_of = {}
    for number, thing in enumerate(
        vars(module).get(name) for module in map(import_module, modules) for name in module.__all__
    ):
        paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(thing.__doc__ or ""))
        prose = " ".join(part for part in paragraphs if not NO_PROSE.search(part))
        flat = re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(prose.split()))
        sentences = [part for part in flat if len(re.findall(r"[A-Za-z]{2,}", part)) >= 6]
        for i in range(0, len(sentences) - 2, 3):
            number_of.setdefault(" ".join(sentences[i : i + 3]), number)
    return np.array(list(number_of)), np.array(list(number_of.values()))


SKLEARN = """cluster compose covariance cross_decomposition datasets decomposition ensemble
    feature_extraction feature_selection gaussian_process impute linear_model manifold metrics
    mixture model_selection multiclass multioutput naive_bayes neighbors neural_network pipeline
    preprocessing random_projection semi_supervised svm tree"""
PYTHON = """argparse asyncio collections configparser inspect logging mailbox pathlib shutil socket
    subprocess tarfile tempfile threading typing unittest"""
learn, docstring = texts(*(f"sklearn.{name}" for name in SKLEARN.split()))
near, _ = texts("scipy.signal", "scipy.linalg", "scipy.integrate")
far, _ = texts(*PYTHON.split())

# %%
# A docstring repeats itself, so all its texts go to the same one of three parts: training,
# calibration, held-out. Docstrings also copy each other. We drop calibration and held-out texts
# that are nearly a training text, since they would make the task too easy.

part = np.random.default_rng(0).permutation(docstring.max() + 1)[docstring] % 4
train, others = learn[part < 2], learn[part >= 2]
counts = TfidfVectorizer().fit(learn)
likeness = cosine_similarity(counts.transform(others), counts.transform(train)).max(axis=1)
calibration = others[(part[part >= 2] == 2) & (likeness < 0.8)]
held_out = others[(part[part >= 2] == 3) & (likeness < 0.8)]
print(f"{len(train)} texts to train on, {len(calibration)} to calibrate, {len(held_out)} held out,")
print(f"{len(near)} of SciPy, {len(far)} of Python; such as:", near[3])

# %%
# Three ways to make rows of texts
# --------------------------------
#
# If the model knows few words of a text, the row is short. A text without known words is 0, in the
# middle of all texts: a strange text looks like a typical text. So rows are usually divided by
# their length. But then the detector no longer sees how few words were known. The third way adds
# the length as a column of its own.

model = make_pipeline(
    TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english"),
    TruncatedSVD(64, random_state=0),
).fit(train)


def with_length(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.hstack([normalize(rows), lengths])


ways = {"as given": np.asarray, "length 1": normalize, "length 1, and the length": with_length}
detectors = {
    "embedding preset": make_outlier_detector("embedding"),
    "LCP": LCPOutlierDetector(),
    "kNN": KNNOutlierDetector(),
}
results = {}
for way, make_rows in ways.items():
    for name, detector in detectors.items():
        detector.fit(make_rows(model.transform(train)))
        inside = detector.score_samples(make_rows(model.transform(held_out)))
        for kind, strange in (("SciPy", near), ("Python", far)):
            scores = detector.score_samples(make_rows(model.transform(strange)))
            labels = np.repeat([1, -1], [len(inside), len(scores)])
            results[way, name, kind] = 100 * auroc(labels, np.concatenate([inside, scores]))

figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained", sharey=True)
for ax, kind in zip(axes, ("SciPy", "Python"), strict=True):
    for i, (way, colour) in enumerate(zip(ways, ("#777777", "#E69F00", "#0072B2"), strict=True)):
        heights = [results[way, name, kind] for name in detectors]
        places = np.arange(3) + 0.27 * (i - 1)
        bars = ax.bar(places, heights, 0.25, color=colour, label=way if ax is axes[0] else None)
        ax.bar_label(bars, fmt="%.0f", fontsize="small")
    ax.axhline(50, color="black", linewidth=0.8, linestyle=":")
    ax.set_title(f"scikit-learn against {kind}", fontsize="medium")
    ax.set_xticks(range(3), detectors)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set(ylabel="AUROC, %; dotted: chance", ylim=(0, 100))
figure.legend(title="rows", loc="outside lower center", ncols=3, frameon=False)
plt.show()

# %%
# The grey bars teach more than this trick. Ask of any model: which rows does it make of unknown
# inputs?
#
# A threshold
# -----------
#
# The model was fitted to the training texts, so these look better to it than new texts. Neither
# model nor detector has seen the calibration texts, so their scores are like those of held-out
# texts. `~skood.ConformalOutlierDetector` takes the threshold from them: it flags at most 10 % of
# scikit-learn's texts in the mean. The other threshold is the Pipeline's, from fits that leave a
# part of the training texts out. With so few calibration texts, both may be off by some percent.

last = LCPOutlierDetector(contamination=0.1)
pipeline = make_outlier_pipeline(model, FunctionTransformer(with_length), last, random_state=0)
pipeline.fit(train)
calibrated = ConformalOutlierDetector(FrozenEstimator(pipeline), alpha=0.1, random_state=0)
calibrated.fit(calibration)
kinds = {"scikit-learn": held_out, "SciPy": near, "Python": far}
for name, detector in (("own threshold", pipeline), ("calibrated", calibrated)):
    flagged = {kind: 100 * np.mean(detector.predict(t) == -1) for kind, t in kinds.items()}
    print(f"flagged, {name}:", *(f"{kind} {share:.1f} %" for kind, share in flagged.items()))

_ = ScoreDistributionDisplay(
    {kind: calibrated.score_samples(t) for kind, t in kinds.items()},
    threshold=calibrated.offset_,
    name="calibrated",
).plot(bins=40)
plt.show()
