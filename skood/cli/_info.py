"""`skood info`: describes a saved detector without loading it."""

import argparse
import json
from pathlib import Path
from typing import Any

from ._help import add_command
from ._table_arguments import add_talking

_FEATURES_SHOWN, _COLUMNS_SHOWN = 12, 40


def add_parser(commands: Any) -> None:
    """Describe the command and its arguments."""
    info = add_command(
        commands,
        "info",
        summary="describe a saved file without loading it",
        description=(
            "Describe a file of skood fit or skood.save: steps, features, training rows, versions, "
            "checksums. Nothing is loaded. A damaged file is an error."
        ),
        examples="""
            skood info detector.skood
            skood info detector.skood --json
        """,
    )
    info.add_argument("file", type=Path, metavar="DETECTOR", help="the saved file")
    output = info.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the whole description as JSON")
    output.add_argument(
        "--schema",
        action="store_true",
        help="print the description of the columns as TOML, to edit and pass to --schema",
    )
    add_talking(info)
    info.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the description of the file, and print it."""
    from ._options import pick
    from ._speaking import Voice, plain_errors

    file: Path = arguments.file
    with plain_errors(pick(Voice, vars(arguments))):
        from skood.storage import read_manifest
        from skood.storage.guard import one_sentence

        from ._report import print_pairs

        manifest = read_manifest(file)
        if arguments.json:
            print(json.dumps(manifest, indent=2))
        elif arguments.schema:
            with one_sentence(f"{file.name} does not describe columns"):
                print(_schema(manifest))
        else:
            with one_sentence(f"{file.name} does not describe its estimator"):
                pairs = _pairs(file, manifest)
            print_pairs(pairs)
    return 0


def _pairs(path: Path, manifest: dict[str, Any]) -> list[tuple[str, str]]:
    import hashlib

    summary = manifest.get("summary", {})
    notes = manifest.get("notes", {}).get("rows", {})
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    parts = [f"{name}  sha256 {value}" for name, value in manifest["members"].items()]
    return [
        ("file", f"{path.name}, {_size(path.stat().st_size)}, format {manifest['format']}"),
        ("checksum", f"sha256 {checksum}"),
        *_in_lines("steps", _steps(summary.get("steps") or [{"type": manifest["estimator"]}])),
        *_in_lines("features", _features(summary, notes.get("layout", {}))),
        *_in_lines("columns", _columns(notes.get("layout", {}))),
        *_in_lines("training", _training(summary, notes)),
        *_in_lines("networks", _networks(manifest["modules"])),
        ("versions", versions),
        *_in_lines("parts", parts),
    ]


def _schema(manifest: dict[str, Any]) -> str:
    """The columns as TOML, also those that are no features."""
    from skood.preprocessing import ColumnSchema
    from skood.preprocessing.schema_files import as_toml

    layout = manifest.get("notes", {}).get("rows", {}).get("layout", {})
    if not layout.get("schema"):
        raise ValueError("it was fitted to arrays, or saved by skood.save")
    columns = {column["name"]: ColumnSchema.from_dict(column) for column in layout["schema"]}
    others = dict.fromkeys(layout["exclude"], "excluded")
    if layout["id_column"] is not None:
        others[layout["id_column"]] = "id"
    columns |= {name: ColumnSchema(name, kind) for name, kind in others.items()}
    return as_toml([*columns.values()])


def _in_lines(name: str, values: list[str]) -> list[tuple[str, str]]:
    return [(name if i == 0 else "", value) for i, value in enumerate(values)]


def _steps(steps: list[dict[str, Any]]) -> list[str]:
    lines = []
    for step in steps:
        given = ", ".join(f"{name}={value}" for name, value in step.get("parameters", {}).items())
        name = step["type"].rpartition(".")[2]
        lines.append(f"{'  ' * min(step.get('depth', 0), 20)}{name}({given})")
    return lines


def _features(summary: dict[str, Any], layout: dict[str, Any]) -> list[str]:
    from skood.preprocessing.table_findings import counted

    if layout.get("kind") in ("array", "images"):
        return [f"{layout['kind']} of the shape {tuple(layout['shape'])}"]
    if not layout:
        names = summary.get("features")
        count = summary.get("n_features")
        if names is None:
            return [] if count is None else [f"{count:,} without names"]
        return [f"{len(names):,}: {_listed(names)}"]
    kinds = {"numbers": "number", "categories": "category", "dates": "date"}
    lines = [
        f"{counted(len(layout[kinds_]), kind, kinds_)}: {_listed(layout[kinds_])}"
        for kinds_, kind in kinds.items()
        if layout.get(kinds_)
    ]
    if layout["id_column"] is not None:
        lines.append(f"identifies rows, no feature: {layout['id_column']}")
    if layout["exclude"]:
        lines.append(f"left out: {_listed(layout['exclude'])}")
    return lines


def _columns(layout: dict[str, Any]) -> list[str]:
    from skood.preprocessing import ColumnSchema

    schema = [ColumnSchema.from_dict(column) for column in layout.get("schema", [])]
    lines = [f"{column.name}: {column.describe()}" for column in schema[:_COLUMNS_SHOWN]]
    more = len(schema) - _COLUMNS_SHOWN
    return lines if more <= 0 else [*lines, f"and {more:,} more: see --json"]


def _training(summary: dict[str, Any], notes: dict[str, Any]) -> list[str]:
    from skood.preprocessing.table_findings import counted

    count = notes.get("n_rows", summary.get("training_rows"))
    if count is None:
        return []
    line = counted(count, "row")
    if notes.get("file"):
        line += f" of {notes['file']}"
    if notes:
        how = {"refuse": "refused", "expected": "as if drawn at random"}
        missing = notes["missing"]
        line += f", missing values {how.get(missing, 'filled by ' + missing)}"
    return [line]


def _networks(modules: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {network['class']}"
        + (f", built by {network['architecture']}" if network.get("architecture") else "")
        for name, network in modules.items()
    ]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_FEATURES_SHOWN])
    more = len(names) - _FEATURES_SHOWN
    return shown if more <= 0 else f"{shown} and {more:,} more"


def _size(n_bytes: int) -> str:
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
