"""Versions, extras, workflows and links of a release agree with each other."""

from __future__ import annotations

import ast
import re
import tomllib
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import skood

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = sorted(ROOT.glob("*.md"))


def read_yaml(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands(workflow: dict) -> list[str]:
    """All shell lines, with each value of a matrix in its place."""
    lines = []
    for job in workflow["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for step in job["steps"]:
            variants = [step.get("run", "")]
            for name, values in matrix.items():
                variants = [
                    re.sub(rf"\$\{{\{{ *matrix\.{name} *\}}\}}", str(value), line)
                    for line in variants
                    for value in values
                ]
            lines += variants
    return lines


# ---------------------------------------------------------------------------------- versions


def test_the_version_stands_in_one_place():
    assert "version" in PROJECT["dynamic"]
    assert version("skood") == skood.__version__
    places = [
        path.name
        for path in [*ROOT.glob("*.toml"), *Path(skood.__file__).parent.rglob("*.py")]
        if f'"{skood.__version__}"' in path.read_text(encoding="utf-8")
    ]
    assert places == ["_version.py"]


def test_the_citation_is_of_this_version_and_licence():
    citation = read_yaml(ROOT / "CITATION.cff")
    assert citation["version"] == skood.__version__
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]
    this = Version(skood.__version__)
    if not this.is_devrelease:
        released = date.fromisoformat(citation["date-released"])
        page = ROOT / "docs" / "changes" / f"{this.major}.{this.minor}.md"
        title = f"# {this} ({released.day} {released:%B %Y})"
        assert title in page.read_text(encoding="utf-8").splitlines()


def test_the_conda_recipe_states_the_same():
    recipe = read_yaml(ROOT / "conda" / "recipe.yaml")
    assert recipe["context"]["version"] == skood.__version__
    assert recipe["build"]["python"]["entry_points"] == [
        f"{command} = {target}" for command, target in PROJECT["scripts"].items()
    ]
    about = recipe["about"]
    assert about["summary"] == PROJECT["description"]
    assert about["license"] == PROJECT["license"]
    assert about["repository"] == PROJECT["urls"]["Repository"]

    python, *run = recipe["requirements"]["run"]
    assert python == f"python {PROJECT['requires-python']}"
    assert [line.replace(" ", "") for line in run] == PROJECT["dependencies"]
    # conda-forge's names: those without what only some users of the library need
    renamed = {"torch": "pytorch", "dask": "dask-core", "matplotlib": "matplotlib-base"}
    (everything,) = EXTRAS["all"]
    optional = [
        Requirement(line) for extra in Requirement(everything).extras for line in EXTRAS[extra]
    ]
    assert sorted(recipe["requirements"]["run_constraints"]) == sorted(
        {f"{renamed.get(line.name, line.name)} {line.specifier}" for line in optional}
    )


def test_addresses_are_of_one_repository():
    urls = PROJECT["urls"]
    assert all(url.startswith(urls["Repository"]) for url in urls.values())
    assert (ROOT / urls["Changes"].partition("/blob/main/")[2]).is_file()
    # A package with another address than that of the repository that builds it is not published.
    steps = read_yaml(ROOT / ".github/workflows/wheels.yml")["jobs"]["build"]["steps"]
    (guard,) = [step["run"] for step in steps if "GITHUB_REPOSITORY" in step.get("run", "")]
    assert 'grep -F "Repository = \\"$GITHUB_SERVER_URL/$GITHUB_REPOSITORY\\""' in guard
    line = f'Repository = "{urls["Repository"]}"'
    assert line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()


def test_the_lowest_versions_are_those_that_are_stated():
    stated: dict[str, set[Version]] = {}
    for line in [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]:
        requirement = Requirement(line)
        lowest = {Version(s.version) for s in requirement.specifier if s.operator == ">="}
        stated[requirement.name] = stated.get(requirement.name, set()) | lowest
    lines = (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.partition("#")[0].strip().split("==") for line in lines if line[:1] != "#")
    pins.pop("pyparsing")  # no dependency of skood: an old matplotlib needs an old pyparsing
    needed = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert needed <= set(pins)
    for name, pin in pins.items():
        assert min(stated[name]) == Version(pin), name


def test_the_python_versions_agree():
    stated = [
        name.rpartition(" ")[2] for name in PROJECT["classifiers"] if " :: Python :: 3." in name
    ]
    assert PROJECT["requires-python"] == f">={stated[0]}"
    tested = read_yaml(ROOT / ".github/workflows/tests.yml")["jobs"]
    assert tested["newest"]["strategy"]["matrix"]["python"] == stated
    steps = tested["lowest"]["steps"]
    setup = next(step for step in steps if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"] == stated[0]


# ---------------------------------------------------------------------------------- extras


def test_every_extra_that_an_error_names_exists():
    named = set()
    for path in Path(skood.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", None)
            if name == "import_optional" and isinstance(node.args[1], ast.Constant):
                named.add(node.args[1].value)
    assert named
    assert named <= set(EXTRAS)


def test_the_extra_all_has_what_users_need():
    (everything,) = EXTRAS["all"]
    assert Requirement(everything).extras == set(EXTRAS) - {
        "all",
        "test",
        "bench",
        "docs",
        "lint",
        "recipes",
    }


# ---------------------------------------------------------------------------------- workflows


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_name_extras_and_files_that_exist(path):
    workflow = read_yaml(path)
    for line in commands(workflow):
        assert "matrix." not in line
        for extras in re.findall(r'"?\.\[([a-z,]+)\]', line):
            assert set(extras.split(",")) <= set(EXTRAS), line
        for name in re.findall(r"(?:bash|--constraint|--requirement|-r|html) (\S+)", line):
            assert (ROOT / name).exists(), line
    for job in workflow["jobs"].values():
        assert set(job.get("needs", [])) <= set(workflow["jobs"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_fixed_code_and_may_only_read(path):
    workflow = read_yaml(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if "uses" in step:  # a tag or branch can be moved to other code
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]), step
            for line in step.get("run", "").splitlines():
                own = re.search(r"pip install (-e )?(-r|\"?\.|\"\$\(echo dist/)", line)
                assert "pip install" not in line or own or "==" in line, line


def test_the_tools_of_a_release_are_pinned_once():
    lines = (ROOT / ".ci" / "tools.txt").read_text(encoding="utf-8").splitlines()
    tools = [Requirement(line) for line in lines if line[:1] != "#"]
    assert {tool.name for tool in tools} == {"build", "twine", "cyclonedx-bom"}
    assert all(str(tool.specifier).startswith("==") for tool in tools)
    for path in (ROOT / ".ci" / "packages", ROOT / ".github/workflows/wheels.yml"):
        assert "-r .ci/tools.txt" in path.read_text(encoding="utf-8")


def test_only_the_job_that_publishes_may_ask_for_a_token():
    for path in WORKFLOWS:
        for name, job in read_yaml(path)["jobs"].items():
            may = job.get("permissions", {}).get("id-token") == "write"
            assert may == any("pypi-publish" in step.get("uses", "") for step in job["steps"])
            assert not may or job["if"] == "startsWith(github.ref, 'refs/tags/v')", name


def test_a_release_describes_its_dependencies_and_origin():
    jobs = read_yaml(ROOT / ".github/workflows/wheels.yml")["jobs"]
    kept = {
        step["with"]["name"]: step["with"]
        for step in jobs["build"]["steps"]
        if "upload-artifact" in step.get("uses", "")
    }
    (made,) = [line for line in commands({"jobs": jobs}) if "cyclonedx" in line]
    assert f"-o {kept['bill of materials']['path']}/" in made
    (publish,) = [s for s in jobs["publish"]["steps"] if "pypi-publish" in s["uses"]]
    assert publish["with"]["attestations"] is True
    # The packages alone are published, not the bill of materials.
    (fetched,) = [s["with"] for s in jobs["publish"]["steps"] if "download" in s["uses"]]
    assert fetched == {"name": "packages", "path": kept["packages"]["path"]}


def test_no_vulnerable_reader_of_torch_is_called():
    for path in Path(skood.__file__).parent.rglob("*.py"):
        assert not re.search(r"\btorch\.(\w+\.)*load\b", path.read_text(encoding="utf-8")), path


def test_local_hooks_run_tools_whose_versions_are_pinned_once():
    pinned = {Requirement(line).name for line in EXTRAS["lint"] if "==" in line}
    (local,) = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    assert {hook["entry"].split()[0] for hook in local["hooks"]} == pinned


# ---------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if ":" not in link and not (ROOT / link).exists()]
    assert missing == []


def test_a_community_page_is_linked_from_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for page in ("CODE_OF_CONDUCT.md", "SECURITY.md"):
        assert f"]({page})" in text
    for path in WORKFLOWS:
        assert f"`{path.name}`" in text
