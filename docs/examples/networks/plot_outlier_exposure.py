"""
Training a classifier to be unsure
==================================

A classifier of the digits 0 to 7 sees the digits 8 and 9, and patches of photographs. A net with
usual training gives many of them a class, and is sure of it.

Outlier exposure also trains the net with samples that belong to none of its classes, and asks for
equal probabilities of all classes there. Our samples are training digits whose four quarters are
shuffled. They cost nothing, and they are neither eights nor nines nor photographs. We measure
whether they help to find eights, nines and photographs.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from skood.datasets import load_digits_ood
from skood.deep import MSPScorer, outlier_exposure_loss
from skood.metrics import auroc

data = load_digits_ood(random_state=0)


def images(rows):
    """Rows of 64 grey values as images with one channel, values from 0 to 1."""
    return torch.as_tensor(np.asarray(rows) / 16.0, dtype=torch.float32).reshape(-1, 1, 8, 8)


training, labels = images(data.X_train), torch.as_tensor(data.y_train)

# %%
# The outliers are training digits with their quarters in another order, and some of them turned.

rng = np.random.default_rng(0)
quarters = training.reshape(-1, 2, 4, 2, 4).swapaxes(2, 3).reshape(-1, 4, 4, 4)
order = rng.permuted(np.tile(np.arange(4), (len(quarters), 1)), axis=1)
shuffled = quarters[torch.arange(len(quarters))[:, None], torch.as_tensor(order)]
outliers = shuffled.reshape(-1, 2, 2, 4, 4).swapaxes(2, 3).reshape(-1, 1, 8, 8)
outliers[::2] = outliers[::2].rot90(1, dims=(2, 3))

figure, axes = plt.subplots(2, 8, figsize=(7.5, 2.2), layout="constrained")
for i in range(8):
    axes[0, i].imshow(training[i, 0], cmap="gray_r")
    axes[1, i].imshow(outliers[i, 0], cmap="gray_r")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("digits")
axes[1, 0].set_ylabel("outliers")
plt.show()

# %%
# Two trainings
# -------------
#
# Both nets start from the same weights and see the same digits. Each batch of the second net also
# has as many outliers, in the same forward pass. `~skood.deep.outlier_exposure_loss` adds their
# part of the loss.


def train(exposed, epochs=25):
    """A small convolutional net; `exposed` says whether it sees the outliers."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 16, 64),
        nn.ReLU(),
        nn.Linear(64, 8),
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(training)).split(64):
            if exposed:
                logits = net(torch.cat([training[batch], outliers[batch]]))
                inside, outside = logits.tensor_split(2)
                loss = outlier_exposure_loss(inside, labels[batch], outside)
            else:
                loss = nn.functional.cross_entropy(net(training[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return net.eval()


nets = {"usual training": train(exposed=False), "outlier exposure": train(exposed=True)}

# %%
# The largest probability
# -----------------------
#
# For both nets `~skood.deep.MSPScorer` scores a sample by the largest probability of a class:
# exposure changes the net, not the score.

sets = {
    "digits 0-7, held out": data.X_test,
    "digits 8 and 9": data.X_near,
    "photographs": data.X_far,
}
figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained", sharey=True)
for ax, (title, net) in zip(axes, nets.items(), strict=True):
    scorer = MSPScorer(net).fit(training)
    scores = {name: scorer.score_samples(images(rows)) for name, rows in sets.items()}
    inside = scores["digits 0-7, held out"]
    print(title)
    for name, outside in list(scores.items())[1:]:
        truth = np.repeat([1, -1], [len(inside), len(outside)])
        print(f"  {name:16s} AUROC {100 * auroc(truth, np.r_[inside, outside]):5.1f} %")
    colours = ("#0072B2", "#D55E00", "#555555")
    for (name, values), colour in zip(scores.items(), colours, strict=True):
        ax.plot(np.sort(values), np.linspace(0, 100, len(values)), color=colour, label=name)
    ax.set(title=title, xlabel="largest probability of a class")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("% of the samples below")
axes[0].legend(frameon=False, loc="upper left")
plt.show()

# %%
# The curves of the two strange sets move to the left, away from the known digits. The distance
# depends on the outliers: a strange sample that is unlike all of them may still get a class. The
# benchmark of the FSSD paper's Table 2 shows a case in which the kind of outliers decides. Exposure
# also needs a training. If you cannot train the net, use the features of its layers.
