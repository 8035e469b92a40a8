"""Optional packages: found without an import, and named in an error if they are missing."""

import re
import subprocess
import sys

import pytest

from skood._optional import import_optional, install_command, is_installed


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_installed_module_is_returned():
    assert import_optional("json.decoder", "plots") is sys.modules["json.decoder"]


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.part"])
def test_missing_module_is_named_with_its_extra(module):
    message = (
        "The picture needs the module 'no_such_package', which is not installed: "
        f"run {install_command('plots')} (the extra 'plots')."
    )
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$") as caught:
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
        f"installed: run {install_command('plots')} (the extra 'plots')."
    )


def test_the_command_installs_the_packages_that_the_installed_skood_states(tmp_path, monkeypatch):
    folder = tmp_path / "skood-9.dist-info"
    folder.mkdir()
    stated = (
        "Metadata-Version: 2.4\nName: skood\nVersion: 9\nRequires-Dist: numpy>=2.0\n"
        "Requires-Dist: faiss-cpu>=1.9; extra == 'ann'\n"
        "Requires-Dist: pynndescent>=0.5.13 ; (python_version < '4') and extra == \"ann\"\n"
        "Requires-Dist: ann-other; extra == 'annex'\n"
    )
    (folder / "METADATA").write_text(stated, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert install_command("ann") == (
        'python -m pip install "faiss-cpu>=1.9" "pynndescent>=0.5.13"'
    )
    assert install_command("plots") == 'python -m pip install ".[plots]"'
