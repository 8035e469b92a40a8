"""Parameters of detectors, from `--set NAME=VALUE`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from sklearn.pipeline import Pipeline

from skood.cli.files import listed

from ._errors import UsageError

Setting = tuple[str, Any]
# Parameters that the command sets itself, or that are whole steps.
_OWN = (*("memory", "steps", "verbose", "transform_input", "estimators", "tablescaler__schema"),)


def settable(pipeline: Any) -> dict[str, list[str]]:
    """The parameters that `--set` may name, each with its names in the Pipeline.

    A parameter of the detector, of each detector in an ensemble, or of the whole Pipeline is named
    alone: where several have it, all get it. A parameter of another step is named with the step.
    """
    names: dict[str, list[str]] = {}
    for short, name in _named(pipeline):
        names.setdefault(short, []).append(name)
        names.setdefault(name, [name])
    return names


def _named(estimator: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Each parameter by its name in its detector, and by its name in the Pipeline."""
    inner, alone = _parts(estimator)
    for name in estimator.get_params():
        step = name.partition("__")[0]
        if name in _OWN or name in inner or step in alone:
            continue
        yield name, before + name
    for step in alone:
        yield from _named(inner[step], f"{before}{step}__")


def _parts(estimator: Any) -> tuple[dict[str, Any], list[str]]:
    """The estimators in an estimator by name, and which of these are the detectors."""
    if isinstance(estimator, Pipeline):
        return dict(estimator.steps), [estimator.steps[-1][0]]
    members = dict(getattr(estimator, "estimators", ()))
    return members, list(members)


def set_parameters(pipeline: Any, detector: str, settings: Sequence[Setting]) -> None:
    """Set parameters of the Pipeline of `detector`."""
    known = settable(pipeline)
    for name, value in settings:
        if name not in known:
            raise UsageError(_unknown(name, [detector], [known]))
        pipeline.set_params(**dict.fromkeys(known[name], value))


def parameters_of_each(
    pipelines: dict[str, Any], settings: Sequence[Setting]
) -> dict[str, list[Setting]]:
    """The settings of each detector: each gets the parameters that it has."""
    known = {name: settable(pipeline) for name, pipeline in pipelines.items()}
    for name, _ in settings:
        if not any(name in names for names in known.values()):
            raise UsageError(_unknown(name, list(known), list(known.values())))
    return {detector: [s for s in settings if s[0] in names] for detector, names in known.items()}


@contextmanager
def wrong_values_named(settings: Sequence[Setting]) -> Iterator[None]:
    """Name the option where an error is about one of its values."""
    try:
        yield
    except (TypeError, ValueError) as error:
        found = re.search(r"The '(\w+)' parameter of ", str(error))
        for name, _ in settings:
            if found and name.rpartition("__")[2] == found[1]:
                raise UsageError(f"--set {name}: {error}") from error
        raise


def _unknown(name: str, detectors: Sequence[str], known: Sequence[dict[str, list[str]]]) -> str:
    near = get_close_matches(name, [own for names in known for own in names], n=1, cutoff=0.4)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    shown = sorted({own for names in known for own in names if _is_shown(own, names)})
    return (
        f"--set names {name!r}, which is no parameter of {listed(list(detectors), 10)}{meant}: "
        f"name one of {', '.join(shown)}."
    )


def _is_shown(name: str, names: dict[str, list[str]]) -> bool:
    """Whether a parameter has no shorter name."""
    return not any(name in places for own, places in names.items() if len(own) < len(name))
