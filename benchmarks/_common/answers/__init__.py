"""The question of each page, and its answer and picture, made of the numbers in its tables."""

from __future__ import annotations

from ..tables import read_tables
from . import accuracy, cost, guarantees, papers
from .parts import Answer, Question

QUESTIONS: dict[str, Question] = {
    **accuracy.QUESTIONS,
    **guarantees.QUESTIONS,
    **papers.QUESTIONS,
    **cost.QUESTIONS,
}


def answered(name: str, text: str) -> Answer:
    """The answer of the page with this name, whose tables are in the text."""
    return QUESTIONS[name].answer(read_tables(text))
