"""Arguments of several benchmarks."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def folder(text: str) -> Path:
    """Read the path of an existing folder."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"must be a folder. Got {text!r} instead.")
    return path


def add_data(parser: argparse.ArgumentParser, holds: str) -> None:
    """Add the folder of the evaluation data."""
    parser.add_argument("--data", type=folder, required=True, help=f"folder that holds {holds}")


def add_cache(parser: argparse.ArgumentParser, contents: str) -> None:
    """Add the folder for results of long computations."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    parser.add_argument(
        "--cache", type=Path, default=Path(home) / "skood-benchmarks", help=contents
    )
