"""Pictures of scores, in scikit-learn's manner: a Display keeps the numbers and draws them.

Only `plot` needs matplotlib: the extra ``plots``.
"""

from ..measures.arguments import checked
from .explanation import ExplanationDisplay
from .layer_score import LayerScoreDisplay
from .monitor import MonitorDisplay
from .ood_curve import OODCurveDisplay
from .p_value import PValueDisplay
from .score_distribution import ScoreDistributionDisplay
from .training_trace import TrainingTraceDisplay

__all__ = [
    "ExplanationDisplay",
    "LayerScoreDisplay",
    "MonitorDisplay",
    "OODCurveDisplay",
    "PValueDisplay",
    "ScoreDistributionDisplay",
    "TrainingTraceDisplay",
]

for _display in map(globals().__getitem__, __all__):
    for _name, _method in list(vars(_display).items()):
        _function = getattr(_method, "__func__", _method)
        if _name in ("__init__", "plot") or _name.startswith("from_"):
            _checked = checked(_function, owner=_display.__name__)
            setattr(
                _display, _name, classmethod(_checked) if _function is not _method else _checked
            )
