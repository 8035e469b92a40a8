"""Real detectors and indexes that note their process, or kill their worker."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skood import KNNOutlierDetector
from skood.neighbors import ExactIndex


def kill_once(flag: str, parent: int) -> None:
    """End this process by SIGKILL, once, and never the parent."""
    if os.getpid() == parent:
        return
    try:
        Path(flag).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class CountedDetector(KNNOutlierDetector):
    """Notes the process each time it is unpickled."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        with Path(self.log).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")


class FatalDetector(KNNOutlierDetector):
    """Kills its worker, once, when it meets a row of a certain value."""

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        if (np.asarray(X) == self.fatal).all(axis=1).any():
            kill_once(self.flag, self.parent)
        return super().score_samples(X)


class FatalIndex(ExactIndex):
    """Kills its worker, once, when it is searched."""

    def __init__(self, flag: str = "", parent: int = 0) -> None:
        super().__init__()
        self.flag = flag
        self.parent = parent

    def _search(self, *arguments: Any) -> Any:
        kill_once(self.flag, self.parent)
        return super()._search(*arguments)
