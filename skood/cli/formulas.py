"""Texts that a spreadsheet would run, in the pattern language of Python and of Arrow."""

import re

FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
NUMBER = r"^[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?$"


def without_formula(text: str) -> str:
    """A text that a spreadsheet shows: with an apostrophe before what it would run.

    Examples
    --------
    >>> from skood.cli.formulas import without_formula
    >>> without_formula("=1+1"), without_formula("-5"), without_formula("a")
    ("'=1+1", '-5', 'a')
    """
    return f"'{text}" if re.match(FORMULA, text) and not re.match(NUMBER, text) else text
