"""Arguments that several benchmarks take, and what is allowed for them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def at_least_one(text: str) -> int:
    """A number of things, of which there must be some."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be an int of at least 1. Got {text!r} instead.")
    return number


def folder(text: str) -> Path:
    """A folder that is there."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"must be a folder. Got {text!r} instead.")
    return path


def add_data(parser: argparse.ArgumentParser, holds: str) -> None:
    """Add the folder of the evaluation data."""
    parser.add_argument("--data", type=folder, required=True, help=f"folder that holds {holds}")


def add_cache(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the folder where what takes long to make is kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    parser.add_argument("--cache", type=Path, default=Path(home) / "skood-benchmarks", help=what)
