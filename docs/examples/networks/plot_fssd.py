"""
FSSD, and where it fails
========================

Noise means nothing to a trained network. The features of noise lie close together, around one
point: the *feature space singularity* F*. Strange images should lie near that point too, since the
network has not learnt to tell them from noise. So the distance from F*, the FSSD, is a score that
needs only noise. We measure it layer by layer on strange images of several kinds; on some it is
worse than chance. Then we compare three ways to combine the layers into one score.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from skood import FSSDScorer, LayerEnsemble, LCPOutlierDetector
from skood.datasets import load_digits_ood
from skood.deep import TorchFeatureTransformer
from skood.metrics import auroc

# %%
# A network and strange images
# ----------------------------
#
# The network classifies the digits 0 to 7. The strange images are other digits, digits of faint
# ink, digits whose pixels are all shuffled in the same way, and patches of photographs.

digits = load_digits_ood()


def images(rows):
    return (rows / 16).astype(np.float32).reshape(-1, 1, 8, 8)


train, inside = images(digits.X_train), images(digits.X_test)
shuffle = np.random.default_rng(0).permutation(64)
strange = {
    "other digits": images(digits.X_near),
    "faint": 0.5 * inside,
    "shuffled": images(digits.X_test[:, shuffle]),
    "photographs": images(digits.X_far),
}

torch.manual_seed(0)
torch.set_num_threads(1)  # one thread is fastest for a network of this size
net = nn.Sequential()
for name, module in {
    "conv1": nn.Conv2d(1, 16, 3, padding=1), "relu1": nn.ReLU(), "pool": nn.MaxPool2d(2),
    "conv2": nn.Conv2d(16, 32, 3, padding=1), "relu2": nn.ReLU(), "flat": nn.Flatten(),
    "dense": nn.Linear(32 * 16, 64), "hidden": nn.ReLU(), "logits": nn.Linear(64, 8),
}.items():  # fmt: skip
    net.add_module(name, module)
X, y = torch.from_numpy(train), torch.from_numpy(digits.y_train)
optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(12):
    for batch in torch.randperm(len(X)).split(32):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(X[batch]), y[batch]).backward()
        optimiser.step()

# %%
# Distances from the singularity
# ------------------------------
#
# The picture shows the distances in the first layer and in the last hidden layer. The score is
# right if the digits 0 to 7 lie further to the right than the others.

layers = TorchFeatureTransformer(net, ["relu1", "relu2", "hidden", "logits"])
profile = FSSDScorer(layers, random_state=0).fit(train)

figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained", sharey=True)
colours = ("#0072B2", "#E69F00", "#D55E00", "#CC79A7", "#009E73")
kinds = {"digits 0 to 7": inside, **strange}
for ax, layer in zip(axes, ("relu1", "hidden"), strict=True):
    column = profile.layer_names_.index(layer)
    for place, (rows, colour) in enumerate(zip(kinds.values(), colours, strict=True)):
        distances = profile.layer_scores(rows)[:, column]
        ax.boxplot(
            distances, positions=[place], orientation="horizontal", widths=0.6, showfliers=False,
            patch_artist=True, boxprops={"facecolor": colour},
            medianprops={"color": "black"},
        )  # fmt: skip
    ax.set_title(layer, fontsize="medium")
    ax.set(xlabel="distance from the singularity")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlim(left=0)
axes[0].set_yticks(range(len(kinds)), kinds)
axes[0].invert_yaxis()
plt.show()

# %%
# One score of several layers
# ---------------------------
#
# * ``combine="sum"`` adds up the standardised distances, as the paper's algorithm 1 does.
# * ``combine="logistic"`` learns weights from labelled strange images: here once from a half of the
#   other digits, and once from a half of the photographs.
# * ``combine="profile"``, the default, compares the vector of all layers' distances with those of
#   the nearest training images: too far from F* is as strange as too near. It needs no labels.
#
# The last line is for comparison: LCP on the same layers, by `~skood.LayerEnsemble`, without
# labels.


def weighed_for(kind):
    known = strange[kind][::2]
    scorer = FSSDScorer(layers, combine="logistic", random_state=0)
    both = np.concatenate([train, known])
    return scorer.fit(both, np.repeat([1, -1], [len(train), len(known)]))


scorers = {
    "sum": FSSDScorer(layers, combine="sum", random_state=0).fit(train),
    "logistic, other digits": weighed_for("other digits"),
    "logistic, photographs": weighed_for("photographs"),
    "profile": profile,
    "LCP on layers": LayerEnsemble(LCPOutlierDetector(), feature_extractor=layers).fit(train),
}
lines = [f"FSSD in {name}" for name in profile.layer_names_] + list(scorers)
table = np.empty((len(lines), len(strange)))
for j, rows in enumerate(strange.values()):
    both = np.concatenate([inside, rows[1::2]])
    labels = np.repeat([1, -1], [len(inside), len(rows[1::2])])
    columns = [
        *profile.layer_scores(both).T,
        *(scorer.score_samples(both) for scorer in scorers.values()),
    ]
    table[:, j] = [100 * auroc(labels, scores) for scores in columns]

figure, ax = plt.subplots(figsize=(7.6, 5.0), layout="constrained")
image = ax.imshow(table, cmap="PuOr", vmin=0, vmax=100, aspect="auto")
for (i, j), value in np.ndenumerate(table):
    dark = abs(value - 50) > 25
    ax.text(j, i, f"{value:.1f}", ha="center", va="center", color="white" if dark else "black")
ax.set_xticks(range(len(strange)), strange)
ax.set_yticks(range(len(lines)), lines)
ax.axhline(len(profile.layer_names_) - 0.5, color="white", linewidth=4)
ax.tick_params(length=0)
figure.colorbar(image, ax=ax, label="AUROC, %; 50 is chance")
plt.show()

# %%
# Brown is worse than chance. The first layers respond to brightness and edges: an image with more
# or fewer of them than digits lies further from the noise, or nearer, whatever the network has
# learnt. A sum counts these layers like the others. Learnt weights can reverse a layer, and do so
# for the kind of images that they were learnt from.
