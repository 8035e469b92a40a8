"""Sphinx's settings. `_api_pages.py` and `_results.py` make pages during the build."""

import sys
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "skood"
author = "The skood developers"
copyright = "The skood developers"  # noqa: A001  # Sphinx chose the name
release = version = version_of("skood")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "_api_pages",
    "_results",
]
exclude_patterns = ["_build", "examples", "**/sg_execution_times.rst", "sg_execution_times.rst"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # sphinx-gallery's settings hold functions
nitpicky = True
smartquotes = False  # docstrings quote values of parameters
toc_object_entries_show_parents = "hide"

# Pages
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# The reference
autosummary_generate = True
autodoc_typehints = "none"  # docstrings have the types, in words
numpydoc_show_class_members = False
default_role = "obj"

# Files beside the pages draw the formulas in the browser, without a network.
mathjax_path = "mathjax/tex-chtml.js"
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static"
UNUSED = ("[!to]*", "tex-[!c]*", "tex-chtml-*", "*/svg*")
exclude_patterns += [f"mathjax/{pattern}" for pattern in UNUSED]

# The gallery
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("skood",),
    "download_all_examples": False,
    "show_memory": False,
    "plot_gallery": True,
    "remove_config_comments": True,
}

# Looks
html_theme = "pydata_sphinx_theme"
html_title = f"skood {release}"
html_static_path = ["_static", str(MATHJAX)]
html_css_files = ["skood.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
ALONE = ("index", "install", "choosing", "questions", "coming_from", "glossary", "development")
html_sidebars = {page: [] for page in ALONE}  # pages without a list of pages at their side
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "friendly",
    "pygments_dark_style": "monokai",
}
