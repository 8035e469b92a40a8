"""What is in a saved file, and files that are changed."""

from __future__ import annotations

import io
import json
from zipfile import ZipFile

from skood.storage._container import new_container


def texts_of(path):
    """All text in a file: what it says of itself, and the tree of its objects."""
    with ZipFile(path) as archive:
        content = io.BytesIO(archive.read("estimator.skops"))
        manifest = archive.read("manifest.json").decode()
    with ZipFile(content) as archive:
        return manifest, archive.read("schema.json").decode()


def rewritten(path, change, members=None):
    """The file with another manifest or other members, and a checksum that is right."""
    other = path.with_name("rewritten.skood")
    with ZipFile(path) as archive, new_container(other) as container:
        manifest = json.loads(archive.read("manifest.json"))
        digests = manifest.pop("members")
        for name in digests:
            with container.member(name) as file:
                file.write((members or {}).get(name, archive.read(name)))
        change(manifest)
        container.finish(manifest)
    return other
