"""From raw inputs to features by torch modules: what needs the extra ``torch``.

`TorchFeatureTransformer` makes the layers of a trained network the features of a Pipeline,
`AutoencoderTransformer` the latent space of a network that it trains itself.
"""

from .._optional import import_optional

import_optional("torch", "torch", needed_by="skood.deep")

from .autoencoder import AutoencoderTransformer  # noqa: E402  # says first what is missing
from .features import TorchFeatureTransformer  # noqa: E402  # says first what is missing

__all__ = ["AutoencoderTransformer", "TorchFeatureTransformer"]
