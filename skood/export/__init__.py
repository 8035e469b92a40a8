"""Fitted detectors as ONNX models, for programs that have no Python."""

from .onnx_model import to_onnx

__all__ = ["to_onnx"]
