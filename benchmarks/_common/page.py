"""The layout of a page: question, answer, picture, text, requirements, and how to run it again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .tables import lift, narrow

_REQUIREMENTS, _ORIGIN = "## Requirements", "## Command and machine"


@dataclass(frozen=True)
class Page:
    """The parts of a page. The text has no answer, no picture of it, and no verdict."""

    text: str
    requirements: str
    command: str
    machine: str

    @classmethod
    def of(cls, body: str, command: str, machine: str) -> Page:
        """A page of what a script has to say: its requirements go to the end."""
        text, sections = _taken(body.strip(), _REQUIREMENTS)
        text, lines = lift(text)
        bullets = "\n".join(f"- {line}" for line in lines)
        requirements = "\n".join([*sections, *[bullets] * bool(lines)])
        return cls(narrow(text.strip()), requirements, command, machine)

    @classmethod
    def read(cls, markdown: str) -> Page:
        """A page as `markdown` wrote it."""
        text, (origin,) = _taken(markdown, _ORIGIN)
        text, requirements = _taken(text, _REQUIREMENTS)
        # Below the title stand the answer and, where a page has one, its picture.
        below = re.sub(r"\A# [^\n]*\n\n\*\*.*?\n\n(?:!\[[^\n]*\n\n)?", "", text, flags=re.DOTALL)
        command, machine = origin.split("\n\n", 1)
        return cls(below.strip(), "\n\n".join(requirements), command.strip("`"), machine.strip())

    def markdown(self, question: str, answer: str, picture: str) -> str:
        """The whole page; `picture` is a line of Markdown, or empty."""
        parts = [f"# {question}", answer, picture, self.text]
        parts += [f"{_REQUIREMENTS}\n\n{self.requirements}"] * bool(self.requirements)
        parts.append(f"{_ORIGIN}\n\n`{self.command}`\n\n{self.machine}")
        return "\n\n".join(part for part in parts if part) + "\n"


def _taken(text: str, heading: str) -> tuple[str, list[str]]:
    """The text without the sections of this heading, and these sections without it."""
    kept, taken = [], []
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        if section.startswith(f"{heading}\n"):
            taken.append(section.removeprefix(heading).strip())
        else:
            kept.append(section.strip())
    return "\n\n".join(kept), taken
