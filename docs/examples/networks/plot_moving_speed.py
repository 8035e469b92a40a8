r"""
The movement of features while a network learns
===============================================

Why should the distance from the features of noise find strange images? The paper on FSSD answers
with an observation about training. The features of images like the training images move fast, those
of strange images move slowly, and those of noise move least. So the distance from the noise is
about the movement of a feature since the first weights,

.. math:: \lVert F_t(x) - F^*_t \rVert \approx \lVert F_t(x) - F_0(x) \rVert .

We train a small network, keep the features of three kinds of images at checkpoints, and compare the
two sides layer by layer. The benchmark of the moving speed does the same with Fashion-MNIST.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from skood.datasets import load_digits_ood
from skood.deep import TorchFeatureTransformer
from skood.measures import singularity_distance
from skood.metrics import auroc

# %%
# Training, with checkpoints
# --------------------------
#
# The network learns the digits 0 to 7. The strange images are the digits 8 and 9, and the noise is
# uniform. The network is trained on other images than these.

digits = load_digits_ood(n_far=0)


def images(rows):
    return (rows / 16).astype(np.float32).reshape(-1, 1, 8, 8)


rng = np.random.default_rng(0)
kinds = {
    "digits 0 to 7 (ID)": images(digits.X_test),
    "digits 8 and 9 (OoD)": images(digits.X_near),
    "noise": rng.random((400, 1, 8, 8), dtype=np.float32),
}
ID, OOD, NOISE = kinds

torch.manual_seed(0)
torch.set_num_threads(1)  # one thread is fastest for a network of this size
net = nn.Sequential()
for name, module in {
    "conv1": nn.Conv2d(1, 16, 3, padding=1), "relu1": nn.ReLU(), "pool": nn.MaxPool2d(2),
    "conv2": nn.Conv2d(16, 32, 3, padding=1), "relu2": nn.ReLU(), "flat": nn.Flatten(),
    "dense": nn.Linear(32 * 16, 64), "hidden": nn.ReLU(), "logits": nn.Linear(64, 8),
}.items():  # fmt: skip
    net.add_module(name, module)
LAYERS = ["relu1", "relu2", "hidden", "logits"]
STEPS = [0, 3, 10, 30, 60, 120, 240, 480]

kept = {(kind, layer): [] for kind in kinds for layer in LAYERS}


def keep():
    """Keep the features of all kinds in all layers, with the current weights."""
    transformer = TorchFeatureTransformer(net, LAYERS)
    for kind, rows in kinds.items():
        features = transformer.fit_transform(rows)
        for layer, columns in transformer.feature_groups_.items():
            kept[kind, layer].append(features[:, columns])


X, y = torch.from_numpy(images(digits.X_train)), torch.from_numpy(digits.y_train)
optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
step = 0
keep()
while step < STEPS[-1]:
    for batch in torch.randperm(len(X)).split(32):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(X[batch]), y[batch])
        loss.backward()
        optimiser.step()
        step += 1
        if step in STEPS:
            keep()
print(f"loss in the last step: {loss.item():.3f}")

# %%
# The two distances
# -----------------
#
# The upper line shows the distance from the singularity: the mean feature of the noise at the same
# checkpoint. The lower line shows the movement since the first weights. Curves are medians, and
# bands hold the middle half of the images. If the observation holds in a layer, both pictures of
# its column look alike, and the three kinds stand in the order ID, OoD, noise, from top to bottom.

distance, movement = {}, {}
for kind, layer in kept:
    features, noise = kept[kind, layer], kept[NOISE, layer]
    distance[kind, layer] = np.array(
        [
            singularity_distance(at, centre.mean(axis=0))
            for at, centre in zip(features, noise, strict=True)
        ]
    )
    movement[kind, layer] = np.array([np.linalg.norm(at - features[0], axis=1) for at in features])

looks = {ID: ("#0072B2", "-"), OOD: ("#D55E00", "--"), NOISE: ("#777777", ":")}
figure, axes = plt.subplots(2, 4, figsize=(10.0, 5.4), layout="constrained", sharex=True)
for column, layer in zip(axes.T, LAYERS, strict=True):
    for ax, measured in zip(column, (distance, movement), strict=True):
        for kind, (colour, dashes) in looks.items():
            low, middle, high = np.quantile(measured[kind, layer], (0.25, 0.5, 0.75), axis=1)
            ax.plot(STEPS, middle, color=colour, linestyle=dashes, label=kind)
            ax.fill_between(STEPS, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.set_xscale("symlog", linthresh=3)
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)
    column[0].set_title(layer, fontsize="medium")
    column[1].set(xlabel="step", xticks=[0, 10, 100], xticklabels=["0", "10", "100"])
axes[0, 0].set_ylabel("distance from F*")
axes[1, 0].set_ylabel("movement")
handles, names = axes[0, 0].get_legend_handles_labels()
figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
plt.show()

# %%
# Do they rank images alike?
# --------------------------
#
# The picture shows the rank correlation of the two distances over ID and OoD images together, at
# each checkpoint but the first, where no feature has moved. The table shows the AUROC of both
# distances at the end.

figure, ax = plt.subplots(figsize=(6.6, 3.6), layout="constrained")
for layer, colour, marker in zip(
    LAYERS, ("#E69F00", "#CC79A7", "#009E73", "#0072B2"), "os^D", strict=True
):
    pairs = [
        np.concatenate([measured[ID, layer][1:], measured[OOD, layer][1:]], axis=1)
        for measured in (distance, movement)
    ]
    ranks = [spearmanr(a, b).statistic for a, b in zip(*pairs, strict=True)]
    ax.plot(STEPS[1:], ranks, color=colour, marker=marker, label=layer)
    labels = np.repeat([1, -1], [len(kinds[ID]), len(kinds[OOD])])
    print(f"{layer:6s} rank correlation at the end {ranks[-1]:5.2f}, AUROC of the distance", end="")
    print(f" {100 * auroc(labels, pairs[0][-1]):5.1f} %, of the movement", end="")
    print(f" {100 * auroc(labels, pairs[1][-1]):5.1f} %")
ax.axhline(0.0, color="#777777", linewidth=0.8)
ax.set_xscale("log")
ax.set_xticks(STEPS[1:], STEPS[1:])
ax.minorticks_off()
ax.set(xlabel="step", ylabel="rank correlation", ylim=(-1.05, 1.05))
ax.spines[["top", "right"]].set_visible(False)
figure.legend(frameon=False, loc="outside right center")
plt.show()

# %%
# The observation is about learnt classes, so it holds in the late layers. The first layers learn
# edges. Noise is full of edges, so its features move there too. In these layers the distance from
# the noise measures the edges of an image, not whether the network knows its kind.
