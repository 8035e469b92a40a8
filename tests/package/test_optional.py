"""Optional packages: found without an import, and named in an error if they are missing."""

import subprocess
import sys

import pytest

from skood._optional import import_optional, is_installed


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_installed_module_is_returned():
    assert import_optional("json.decoder", "plots") is sys.modules["json.decoder"]


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.part"])
def test_missing_module_is_named_with_its_extra(module):
    message = (
        r"^The picture needs the module 'no_such_package', which is not installed: "
        r'run pip install "skood\[plots\]" to add it\.$'
    )
    with pytest.raises(ImportError, match=message) as caught:
        import_optional(module, "plots", needed_by="The picture")
    assert caught.value.name == "no_such_package"


def test_error_without_needed_by_names_the_extra():
    with pytest.raises(ImportError, match=r"^The 'ann' extra of skood needs the module 'no_such"):
        import_optional("no_such_package", "ann")


def test_installed_package_that_fails_to_import_raises_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "broken_for_skood.py").write_text("import a_dependency_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ModuleNotFoundError, match=r"^No module named 'a_dependency_that_is_missing"
    ):
        import_optional("broken_for_skood", "plots")


def test_missing_part_of_an_installed_package_raises_its_own_error():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'json.no_such_part'"):
        import_optional("json.no_such_part", "plots")


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("sklearn", True),
        ("sklearn.no_such_part", True),
        ("no_such_package", False),
        ("no_such_package.part", False),
    ],
)
def test_is_installed(module, expected):
    assert is_installed(module) is expected


def test_is_installed_does_not_import():
    process = run_python(
        "import sys; from skood._optional import is_installed;"
        "print(is_installed('sqlite3.dump'), 'sqlite3' in sys.modules)"
    )
    assert process.stderr == ""
    assert process.stdout.split() == ["True", "False"]


def test_blocked_module_counts_as_missing():
    process = run_python(
        "import sys; sys.modules['matplotlib'] = None\n"
        "from skood._optional import import_optional, is_installed\n"
        "print(is_installed('matplotlib'))\n"
        "import_optional('matplotlib.figure', 'plots')"
    )
    assert process.stdout.strip() == "False"
    assert process.stderr.strip().splitlines()[-1] == (
        "ImportError: The 'plots' extra of skood needs the module 'matplotlib', which is not "
        'installed: run pip install "skood[plots]" to add it.'
    )
