"""Types of arguments that several commands read."""

import argparse

LARGEST_SEED = 2**32 - 1  # NumPy's RandomState takes no larger one


def seed(text: str) -> int:
    """Read a seed; argparse puts the name of the option in front of the message."""
    message = f"must be an integer from 0 to {LARGEST_SEED}. Got {text!r} instead."
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(message) from None
    if not 0 <= number <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(message)
    return number
