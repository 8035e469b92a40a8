"""The version, in a file of its own, so that reading it imports no other module."""

__version__ = "0.1.0"
