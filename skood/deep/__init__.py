"""From raw inputs to features by torch modules: what needs the extra ``torch``.

`TorchFeatureTransformer` makes the layers of a trained network the features of a Pipeline,
`AutoencoderTransformer` the latent space of a network that it trains itself. The scorers tell
out-of-distribution samples by what a trained classifier gives for them.
"""

from .._optional import import_optional

import_optional("torch", "torch", needed_by="skood.deep")

from .autoencoder import AutoencoderTransformer  # noqa: E402  # says first what is missing
from .deep_ensemble import DeepEnsembleScorer  # noqa: E402
from .energy import EnergyScorer  # noqa: E402
from .features import TorchFeatureTransformer  # noqa: E402
from .mahalanobis_layer import MahalanobisLayerScorer  # noqa: E402
from .max_logit import MaxLogitScorer  # noqa: E402
from .mc_dropout import MCDropoutScorer  # noqa: E402
from .msp import MSPScorer  # noqa: E402
from .odin import ODINScorer  # noqa: E402
from .outlier_exposure import outlier_exposure_loss  # noqa: E402

__all__ = [
    "AutoencoderTransformer",
    "DeepEnsembleScorer",
    "EnergyScorer",
    "MCDropoutScorer",
    "MSPScorer",
    "MahalanobisLayerScorer",
    "MaxLogitScorer",
    "ODINScorer",
    "TorchFeatureTransformer",
    "outlier_exposure_loss",
]
