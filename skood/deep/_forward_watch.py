"""Inputs and outputs of layers in a forward pass, for the call that runs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Literal, Self, TypeVar

from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from ._fused_layers import has_part_among, is_fused, parts_called

Side = Literal["input", "output"]
Observer = Callable[[nn.Module, Side, Any], Any]
_Result = TypeVar("_Result")

# torch's counter of hooks has no lock: two threads could get one number for two hooks.
_LOCK = threading.Lock()
_RUNNING = threading.local()


class ForwardWatch:
    """Calls an observer for the inputs and outputs of some modules of `root`.

    The hooks are on the modules between ``__enter__`` and ``__exit__``. They observe only calls
    inside `run`, in its thread. They do not observe calls in another thread or in another watch.
    The observer gets the module, ``"input"`` or ``"output"``, and the value: the output, or the
    pair of positional and keyword arguments. A returned value other than None replaces an output.
    """

    def __init__(
        self,
        root: nn.Module,
        inputs: Iterable[nn.Module],
        outputs: Iterable[nn.Module],
        observer: Observer,
    ) -> None:
        self._root = root
        self._inputs = list(inputs)
        self._outputs = list(outputs)
        self._observer = observer
        self._fused: set[int] = set()
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        try:
            with _LOCK:
                self._register()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def run(self, function: Callable[[], _Result]) -> _Result:
        """Call a function, and observe the modules that it calls in this thread."""
        running = _RUNNING.__dict__.setdefault("watches", [])
        running.append(self)
        try:
            return function()
        finally:
            running.pop()

    def _register(self) -> None:
        if has_part_among(self._root, [*self._inputs, *self._outputs]):
            self._undo.enter_context(parts_called())
        for module in self._inputs:
            handle = module.register_forward_pre_hook(self._before, with_kwargs=True)
            self._undo.callback(handle.remove)
        for module in self._outputs:
            if is_fused(module):
                self._fused.add(id(module))
            else:
                self._undo.callback(module.register_forward_hook(self._after).remove)
        if self._fused:
            # A hook for all modules does not stop the fused step.
            self._undo.callback(register_module_forward_hook(self._after_any).remove)

    def _remove(self) -> None:
        with _LOCK:
            self._undo.close()

    # `kwargs` is missing if one thread removes the hook while another calls it.
    def _before(self, module: nn.Module, args: Any, kwargs: Any = None) -> None:
        if self._is_running():
            self._observer(module, "input", (args, kwargs))

    def _after(self, module: nn.Module, args: Any, output: Any) -> Any:  # noqa: ARG002
        return self._observer(module, "output", output) if self._is_running() else None

    def _after_any(self, module: nn.Module, args: Any, output: Any) -> Any:  # noqa: ARG002
        is_watched = id(module) in self._fused and self._is_running()
        return self._observer(module, "output", output) if is_watched else None

    def _is_running(self) -> bool:
        # Only the innermost watch observes: a module may itself use a transformer on its layers.
        watches: list[ForwardWatch] = getattr(_RUNNING, "watches", [])
        return len(watches) > 0 and watches[-1] is self

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickle of a module that another thread is using includes its hooks.
        return _Idle, ()


class _Idle:
    """Stands for a watch in a copy of its module, and does nothing."""

    def _is_running(self) -> bool:
        return False

    _before, _after = ForwardWatch._before, ForwardWatch._after
