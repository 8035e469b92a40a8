"""Odd files of JSON lines, Arrow and Parquet, packed ones, odd options: as `test_bad_files`."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest

if sys.platform == "win32" or not hasattr(pa, "bool8"):  # pyarrow 18
    pytest.skip("the files need named pipes and types of Arrow", allow_module_level=True)

from .bad_files import RIGHT, outcomes
from .bad_formats import FormatCases


def test_odd_formats_and_options_end_in_a_right_answer_or_one_sentence(tmp_path):
    found = outcomes(30, 1, tmp_path, FormatCases)
    assert [(text, said) for text, said in found if said not in RIGHT] == []
    assert {said for _, said in found} == set(RIGHT)
