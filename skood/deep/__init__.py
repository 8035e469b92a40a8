"""Features and scores of raw inputs by torch modules (extra ``torch``).

`TorchFeatureTransformer` gives the layers of a trained network as features of a Pipeline.
`AutoencoderTransformer` trains a network and gives its latent space. `TangentFeatureTransformer`
gives rows whose inner products are the neural tangent kernel. `TrainingTrace` keeps features at
checkpoints of a training. The scorers detect
out-of-distribution samples by the outputs of a trained classifier.
"""

from .._optional import import_optional

import_optional("torch", "torch", needed_by="skood.deep")

from .autoencoder import AutoencoderTransformer  # noqa: E402  # an error names the extra first
from .deep_ensemble import DeepEnsembleScorer  # noqa: E402
from .energy import EnergyScorer  # noqa: E402
from .features import TorchFeatureTransformer  # noqa: E402
from .mahalanobis_layer import MahalanobisLayerScorer  # noqa: E402
from .max_logit import MaxLogitScorer  # noqa: E402
from .mc_dropout import MCDropoutScorer  # noqa: E402
from .msp import MSPScorer  # noqa: E402
from .odin import ODINScorer  # noqa: E402
from .outlier_exposure import outlier_exposure_loss  # noqa: E402
from .tangent import TangentFeatureTransformer  # noqa: E402
from .training_trace import TrainingTrace  # noqa: E402

__all__ = [
    "AutoencoderTransformer",
    "DeepEnsembleScorer",
    "EnergyScorer",
    "MCDropoutScorer",
    "MSPScorer",
    "MahalanobisLayerScorer",
    "MaxLogitScorer",
    "ODINScorer",
    "TangentFeatureTransformer",
    "TorchFeatureTransformer",
    "TrainingTrace",
    "outlier_exposure_loss",
]
