"""The pages of the API reference, made from the list in `_api`, and the links of names.

autosummary makes a page for each name, from the templates in `_templates`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _api import INTERNAL_METHODS, SECTIONS, Section, public_names

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent
AUTOSUMMARY = ".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n"
FOREIGN = ("sklearn",)  # names of these packages are no links: the build has no network


def reference_pages() -> dict[str, str]:
    """The text of each page by its name: the list of the modules, and a page for each module."""
    modules = list(dict.fromkeys(section.module for section in SECTIONS))
    pages = {module: module_page(module) for module in modules}
    contents = "".join(f"   {page}\n" for page in [*modules, "command_line"])
    rows = "".join(
        f"   * - {section.title}\n     - {', '.join(links_of(section))}\n"
        for section in sorted(SECTIONS, key=lambda section: modules.index(section.module))
    )
    pages["index"] = (
        f"{heading('API reference', '=')}"
        "Every public name, with a link to its page. Estimators also have scikit-learn's common "
        "methods: ``get_params``, ``set_params``, ``set_output`` and metadata routing.\n\n"
        f".. list-table::\n   :widths: 25 75\n   :class: names\n\n{rows}"
        "   * - Command line\n     - :doc:`all commands and their options <command_line>`\n\n"
        f".. toctree::\n   :hidden:\n\n{contents}"
    )
    return pages


def links_of(section: Section) -> list[str]:
    """A link to the page of each name."""
    return [f":py:obj:`~{section.module}.{name}`" for name in section.names]


def command_line_page() -> str:
    """Text of the page with the help of each command."""
    parts = [heading("Command line", "=")]
    for command in ("", "check", "detect", "fit", "score", "info", "watch", "bench", "demo"):
        title = f"skood {command}".strip()
        process = subprocess.run(
            [sys.executable, "-m", "skood", *command.split(), "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "82"},
        )
        literal = textwrap.indent(process.stdout, "   ")
        parts.append(f"{heading(title, '-')}.. code-block:: text\n\n{literal}\n")
    return "".join(parts)


def module_page(module: str) -> str:
    """Text of a module's page: a list of its names for each section."""
    parts = [heading(module, "="), f".. module:: {module}\n\n"]
    for section in SECTIONS:
        if section.module == module:
            names = "".join(f"   {name}\n" for name in section.names)
            about = f"{section.about}\n\n" if section.about else ""
            parts.append(f"{heading(section.title, '-')}{about}")
            parts.append(
                f".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n{names}\n"
            )
    return "".join(parts)


def heading(title: str, line: str) -> str:
    """A heading in reStructuredText."""
    return f"{title}\n{line * len(title)}\n\n"


def write_reference(app: Sphinx, config: Config) -> None:
    """Write the pages before Sphinx lists all pages."""
    folder = HERE / "api"
    folder.mkdir(exist_ok=True)
    pages = {**reference_pages(), "command_line": command_line_page()}
    for name, text in pages.items():
        page = folder / f"{name}.rst"
        # Sphinx builds every written page again, even an unchanged one.
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
    drop_old_pages(folder)


def drop_old_pages(folder: Path) -> None:
    """Delete pages that autosummary once made for names that are no longer public."""
    current = {f"{name}.rst" for name in public_names()}
    for page in (folder / "generated").glob("*.rst"):
        if page.name not in current:
            page.unlink()


def escape_shapes(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Escape shapes such as ``(n_features_in_,)``: reStructuredText takes ``name_`` for a link."""

    def escape(shape: re.Match[str]) -> str:
        return re.sub(r"_(?=[,)])|\*", r"\\\g<0>", shape[0])

    lines[:] = [re.sub(r"shape \([^)]*\)", escape, line) for line in lines]


def skip_foreign_member(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out internal methods, and members of tuple and of scikit-learn, which has own pages."""
    if what == "class" and name in INTERNAL_METHODS:
        return True
    home = getattr(member, "__module__", None)
    is_foreign = callable(member) and home is not None and not home.startswith("skood")
    if is_foreign or getattr(member, "__objclass__", None) is tuple:
        return True
    return None


def resolve_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element
) -> nodes.Node | None:
    """Link skood's names that have no module; other libraries' names stay plain code.

    Docstrings put both names and parameters into single backticks, so an unknown name is no error
    there. Pages have roles for names, so an unknown name is an error.
    """
    if node.get("refdomain") != "py":
        return None
    first, dot, rest = node["reftarget"].removeprefix("~").partition(".")
    for full in public_names():
        if full.rpartition(".")[2] == first:
            domain = env.get_domain("py")
            return domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", full + dot + rest, node, contnode
            )
    is_own = first == "skood"
    return contnode if not is_own and (node["reftype"] == "obj" or first in FOREIGN) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions to Sphinx's events."""
    app.connect("config-inited", write_reference)
    app.connect("autodoc-process-docstring", escape_shapes, priority=400)  # numpydoc is at 500
    app.connect("autodoc-skip-member", skip_foreign_member)
    app.connect("missing-reference", resolve_short_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
