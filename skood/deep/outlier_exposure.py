"""Loss of outlier exposure: a classifier learns to be uncertain about outliers."""

from __future__ import annotations

import torch
from torch.nn import functional

from .._validation import check_float, parameter_error


def outlier_exposure_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    outlier_logits: torch.Tensor,
    *,
    weight: float = 0.5,
) -> torch.Tensor:
    r"""Loss that trains a classifier with samples outside its classes.

    It adds two cross-entropies. The first is that of the in-distribution samples. The second, times
    the weight :math:`\lambda`, is that of the uniform distribution over the C classes to the
    prediction for the outliers,

    .. math:: -\frac1n \sum_{i=1}^n \log p(y_i \mid x_i)
        - \frac\lambda m \sum_{j=1}^m \frac1C \sum_{c=1}^C \log p(c \mid x'_j).

    Take many and varied outliers. They may differ from the later out-of-distribution samples.
    `MSPScorer` scores the trained network.

    Parameters
    ----------
    logits : torch.Tensor of shape (n, n_classes)
        Logits of in-distribution samples.
    labels : torch.Tensor of int64 of shape (n,)
        Their classes, counted from 0.
    outlier_logits : torch.Tensor of shape (m, n_classes)
        Logits of the outliers.
    weight : float, default=0.5
        The weight :math:`\lambda` of the outliers, 0 or more; 0.5 is the paper's for images.

    Returns
    -------
    torch.Tensor of shape ()
        The loss, to call ``backward`` on.

    Raises
    ------
    ValueError
        If an argument has another shape, or there are no samples of one kind.

    References
    ----------
    Hendrycks et al. (2019), Deep anomaly detection with outlier exposure, section 3, with the loss
    for classifiers of section 4.3.

    Examples
    --------
    Two classes at (-2, 0) and (2, 0), and outliers on a wide ring around both. One forward pass
    serves a batch of both kinds.

    >>> import torch
    >>> from torch import nn
    >>> from skood.deep import MSPScorer, outlier_exposure_loss
    >>> generator = torch.Generator().manual_seed(0)
    >>> labels = torch.arange(200) % 2
    >>> X = torch.randn(200, 2, generator=generator) * 0.5
    >>> X[:, 0] += 4.0 * labels - 2.0
    >>> ring = torch.randn(200, 2, generator=generator)
    >>> ring *= 6.0 / ring.norm(dim=1, keepdim=True)
    >>> net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 2))
    >>> optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    >>> for step in range(300):
    ...     logits = net(torch.cat([X, ring]))
    ...     loss = outlier_exposure_loss(logits[:200], labels, logits[200:])
    ...     optimiser.zero_grad()
    ...     loss.backward()
    ...     optimiser.step()
    >>> scorer = MSPScorer(net).fit(X)
    >>> far = torch.tensor([[-2.0, 0.0], [2.0, 0.0], [0.0, 6.0], [-6.0, 0.0], [6.0, 0.0]])
    >>> scorer.predict(far)
    array([ 1,  1, -1, -1, -1])
    """
    name = "outlier_exposure_loss"
    check_float(name, "weight", weight, "[0, inf)")
    _check_logits(name, "logits", logits)
    _check_logits(name, "outlier_logits", outlier_logits, n_classes=logits.shape[1])
    if not isinstance(labels, torch.Tensor) or labels.shape != logits.shape[:1]:
        allowed = f"a tensor of shape ({len(logits)},), the classes of the logits"
        raise parameter_error(name, "labels", allowed, _shape_of(labels))
    inside = functional.cross_entropy(logits, labels)
    return inside - weight * functional.log_softmax(outlier_logits, dim=1).mean()


def _check_logits(
    owner: str, name: str, logits: torch.Tensor, n_classes: int | None = None
) -> None:
    valid = isinstance(logits, torch.Tensor) and logits.ndim == 2 and len(logits) > 0
    if not valid or logits.shape[1] < 2 or n_classes not in (None, logits.shape[1]):
        width = "n_classes" if n_classes is None else n_classes
        allowed = f"a tensor of shape (n, {width}) with one or more rows and two or more classes"
        raise parameter_error(owner, name, allowed, _shape_of(logits))


def _shape_of(value: object) -> object:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else value
