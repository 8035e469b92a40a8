"""Transformers that make rows fit for distances."""

from .active_neurons import ActiveNeuronSelector
from .partial_whitener import PartialWhitener

__all__ = ["ActiveNeuronSelector", "PartialWhitener"]
