"""The package has types, and the program that checks them runs."""

from __future__ import annotations

from pathlib import Path

import skood

from .user_program import main


def test_the_package_says_that_it_has_types():
    assert (Path(skood.__file__).parent / "py.typed").is_file()


def test_the_program_whose_types_are_checked_runs(tmp_path):
    main(tmp_path)
