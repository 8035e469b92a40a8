"""Transformers that make rows fit for distances, and shape activations."""

from .active_neurons import ActiveNeuronSelector
from .ash import ASHTransformer
from .partial_whitener import PartialWhitener
from .react import ReActTransformer

__all__ = ["ASHTransformer", "ActiveNeuronSelector", "PartialWhitener", "ReActTransformer"]
