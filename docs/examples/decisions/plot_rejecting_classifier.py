"""
A classifier that may refuse
============================

A classifier gives each row one of its classes, even a row that is like none of them.
`skood.OODGate` puts a detector before the classifier: rows that the detector flags as
out-of-distribution (OoD) get a label of their own, and only the other rows are classified.

The usual alternative is the classifier's own certainty. We compare the two by their purpose: to
answer as many rows as possible, and to give as few wrong answers as possible.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skood import ConformalOutlierDetector, LCPOutlierDetector, OODGate
from skood.datasets import load_digits_ood

# %%
# The gate
# --------
#
# The classifier knows the digits 0 to 7. The detector decides by a conformal p-value, so in the
# mean it refuses at most 5 % of rows like the training rows. That is the price, and it is known.

digits = load_digits_ood()
classifier = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=1000))
detector = ConformalOutlierDetector(LCPOutlierDetector(), alpha=0.05, random_state=0)
gate = OODGate(classifier, detector).fit(digits.X_train, digits.y_train)

kinds = {
    "digits 0 to 7": digits.X_test,
    "digits 8 and 9": digits.X_near,
    "photographs": digits.X_far,
}
for name, rows in kinds.items():
    refused = gate.predict(rows) == gate.reject_label_
    certain = gate.classifier_.predict_proba(rows).max(axis=1) > 0.9
    print(f"{name:15s} refused {100 * refused.mean():5.1f} %,", end=" ")
    print(f"the classifier is 90 % sure of {100 * certain.mean():5.1f} %")
answered = gate.predict(digits.X_test) != gate.reject_label_
right = gate.classifier_.predict(digits.X_test) == digits.y_test
print(f"accuracy on 0 to 7: {100 * right.mean():.1f} %, of those answered", end=" ")
print(f"{100 * right[answered].mean():.1f} %")

# %%
# Some rows of each kind, with the answer of the gate. For refused rows the classifier's own answer
# stands in brackets.

rng = np.random.default_rng(3)
figure, axes = plt.subplots(3, 8, figsize=(9.0, 4.6), layout="constrained")
for line, (name, rows) in zip(axes, kinds.items(), strict=True):
    some = rows[rng.choice(len(rows), 8, replace=False)]
    answers = gate.predict(some)
    forced = gate.classifier_.predict(some)
    for ax, image, answer, guess in zip(line, some, answers, forced, strict=True):
        refused = answer == gate.reject_label_
        colour = "#D55E00" if refused else "#0072B2"
        ax.imshow(image.reshape(8, 8), cmap="gray", vmin=0, vmax=16)
        ax.set_title(
            f"refused ({guess})" if refused else f"{answer}", fontsize="small", color=colour
        )
        ax.spines[:].set(color=colour, linewidth=2.5)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)
plt.show()

# %%
# The number of answers, and their accuracy
# -----------------------------------------
#
# Rows now come as a mixture: two thirds are digits 0 to 7, one third are of the other kinds. An
# answer to a row of the other kinds is wrong by definition. Each rule refuses the rows that it
# trusts least, more of them further to the left. Both rules judge the answers of the same
# classifier.

n = len(digits.X_test) // 4
mixture = np.vstack([digits.X_test, digits.X_near[:n], digits.X_far[:n]])
truth = np.concatenate([digits.y_test, np.full(2 * n, -1)])
correct = gate.classifier_.predict(mixture) == truth
trust = {
    "detector (the gate)": gate.detector_.score_samples(mixture),
    "classifier's largest probability": gate.classifier_.predict_proba(mixture).max(axis=1),
}

figure, ax = plt.subplots(figsize=(6.8, 4.2), layout="constrained")
shares = 100 * np.arange(1, len(mixture) + 1) / len(mixture)
best = 100 * np.minimum(1.0, np.sum(truth >= 0) / np.arange(1, len(mixture) + 1))
ax.plot(shares, best, color="#777777", linewidth=1.0, linestyle=":", label="perfect")
for (name, values), colour, dashes in zip(
    trust.items(), ("#0072B2", "#E69F00"), ("-", "--"), strict=True
):
    order = np.argsort(-values)
    accuracy = 100 * np.cumsum(correct[order]) / np.arange(1, len(mixture) + 1)
    ax.plot(shares, accuracy, color=colour, linestyle=dashes, label=name)
    at_two_thirds = accuracy[round(0.66 * len(mixture)) - 1]
    print(f"{name}: of the 66 % answered first, {at_two_thirds:.1f} % are right")
answers = gate.predict(mixture)
taken = answers != gate.reject_label_
ax.plot(
    100 * taken.mean(), 100 * correct[taken].mean(), "o", color="#0072B2", markersize=9,
    markeredgecolor="black", label="the gate as fitted, alpha = 5 %",
)  # fmt: skip
ax.set(xlabel="rows answered, %", ylabel="answers that are right, %", xlim=(5, 100), ylim=(60, 101))
ax.legend(frameon=False, loc="lower left")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The two rules catch different mistakes. The classifier knows when it is uncertain between two of
# its classes, and the detector does not know this: see the far left, where only the most trusted
# answers are given. The detector refuses rows that lie away from all classes, where the
# classifier's certainty means nothing. This classifier is modest about strange rows; deep networks
# often are not.
