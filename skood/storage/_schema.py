"""The names of classes in skops's format: a zip file of arrays, with all objects as JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import IO, Any
from zipfile import ZipFile

_SCHEMA = "schema.json"


def rename_classes(source: IO[bytes], target: Any, rename: Callable[[str], str]) -> None:
    """Copy a file of skops, with other names for its classes.

    The target needs neither `seek` nor `tell`. A name is a module and a class, with a dot between.
    """

    def renamed(state: dict[str, Any]) -> dict[str, Any]:
        # The key of a user's dict leads to an object like this one, not to text.
        module, name = state.get("__module__"), state.get("__class__")
        if isinstance(module, str) and isinstance(name, str):
            state["__module__"], _, state["__class__"] = rename(f"{module}.{name}").rpartition(".")
        return state

    with ZipFile(source) as before, ZipFile(target, "w") as after:
        for member in before.namelist():
            if member == _SCHEMA:
                schema = json.loads(before.read(member), object_hook=renamed)
                after.writestr(member, json.dumps(schema))
            else:
                with before.open(member) as part, after.open(member, "w", force_zip64=True) as copy:
                    shutil.copyfileobj(part, copy, 1 << 20)
