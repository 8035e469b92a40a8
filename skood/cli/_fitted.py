"""A fitted detector with a description of its rows: saved and loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skood import ConformalOutlierDetector, load, save
from skood.cli.files import Block, RowLayout
from skood.storage import read_manifest
from skood.storage.guard import one_sentence
from skood.storage.walk import with_stand_ins

from ._errors import DataError

_NOTES = "rows"


@dataclass(frozen=True)
class Fitted:
    """A detector and its rows.

    `by_position`: the detector gets the rows of a table without the names of the columns.
    """

    detector: Any
    layout: RowLayout
    missing: str = "refuse"
    name: str = ""
    file: str = ""
    n_rows: int | None = None
    architectures: dict[str, str] = field(default_factory=dict)
    by_position: bool = False

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """Shape of the images, if rows are images."""
        return self.layout.shape if self.layout.kind == "images" else None

    @property
    def fills_missing(self) -> bool:
        """Whether rows may have missing values."""
        return self.missing != "refuse"

    @property
    def n_calibration(self) -> int:
        """The number of calibration rows."""
        calibrates = isinstance(self.detector, ConformalOutlierDetector)
        return len(self.detector.training_scores_) if calibrates else 0

    def rows_of(self, block: Block) -> Any:
        """The rows of a block as the detector takes them."""
        return block.rows.to_numpy() if self.by_position else block.rows

    def describe(self) -> str:
        """The detector, and how many rows it was fitted on."""
        text = self.name
        if self.n_rows is not None:
            text += f" on {self.n_rows - self.n_calibration:,} rows of {self.file}"
        if self.n_calibration:
            text += f", {self.n_calibration:,} others calibrate p-values"
        return text

    def flagging(self, control: str) -> str:
        """The rule by which rows are flagged, in words."""
        if control == "fdr":
            return f"expect up to {100 * self.detector.alpha:.3g} % false alarms among these"
        if isinstance(self.detector, ConformalOutlierDetector):
            return f"expect up to {100 * self.detector.alpha:.3g} % false alarms on normal rows"
        return "they score below the threshold of the detector"

    def save(self, path: Path) -> None:
        """Write a file: `load_fitted` reads all of it, `skood.load` the detector."""
        notes = {
            "layout": self.layout.to_dict(),
            "missing": self.missing,
            "name": self.name,
            "file": self.file,
            "n_rows": self.n_rows,
        }
        save(self.detector, path, architectures=self.architectures, notes={_NOTES: notes})


def checksum(path: Path) -> str:
    """The SHA-256 of a saved file: whether another file holds the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def named_rows(paths: Sequence[str]) -> dict[str, str]:
    """The `rows` of `skood.load`, from texts ``PATH`` and ``PATH=NEW-PATH``."""
    pairs = (path.partition("=") for path in paths)
    return {stored: new or stored for stored, _, new in pairs}


def load_fitted(path: Path, trusted: Sequence[str] = (), rows: Sequence[str] = ()) -> Fitted:
    """Load a file of `skood fit` or `skood.save`."""
    manifest = read_manifest(path)
    detector = load(path, trusted=trusted, rows=named_rows(rows))
    if not hasattr(detector, "score_samples"):
        raise DataError(f"{path.name} holds a {type(detector).__name__}, which scores no rows.")
    notes = manifest.get("notes")
    notes = notes.get(_NOTES) if isinstance(notes, dict) else None
    if not isinstance(notes, dict):
        name = type(detector).__name__
        return Fitted(detector, _layout_of(detector, path), name=name)
    with one_sentence(f"{path.name} does not describe its rows"):
        layout = RowLayout.from_dict(notes.pop("layout"))
        return Fitted(detector, layout, **notes)


def architectures_in(path: Path, loaded: Any, holder: Any) -> dict[str, str]:
    """The function that builds each network of a loaded object, by its name in its holder."""
    modules = read_manifest(path)["modules"]
    by_id = {
        id(part.module): modules[part.name].get("architecture")
        for part in with_stand_ins(loaded)[1]
    }
    by_name = {part.name: by_id.get(id(part.module)) for part in with_stand_ins(holder)[1]}
    return {name: built_by for name, built_by in by_name.items() if built_by is not None}


def _layout_of(detector: Any, path: Path) -> RowLayout:
    """The layout of the rows of a detector that `skood.save` has written."""
    first = detector
    while True:
        shape = getattr(first, "input_shape_", None)
        if isinstance(shape, tuple) and len(shape) > 1:
            return RowLayout("images", shape=tuple(int(length) for length in shape))
        if getattr(first, "feature_names_in_", None) is not None:
            return RowLayout("table", tuple(str(name) for name in first.feature_names_in_))
        if getattr(first, "n_features_in_", None) is not None:
            return RowLayout("array", shape=(int(first.n_features_in_),))
        inner = [getattr(first, name, None) for name in ("detector_", "estimator")]
        inner += [step for _, step in getattr(first, "steps", [])[:1]]
        first = next((part for part in inner if part is not None), None)
        if first is None:
            raise DataError(f"{path.name} does not say which features its rows have.")
