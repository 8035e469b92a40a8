"""Ctrl-C while a command works."""

from __future__ import annotations

import ctypes
import signal
import threading

import pytest

from skood.cli._interrupts import Interrupts


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_that_a_callback_from_c_drops_is_not_lost():
    before = signal.getsignal(signal.SIGINT)
    from_c = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))
    with Interrupts() as interrupts:
        interrupts.check()
        from_c()  # what it raises is dropped
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_raises_at_once():
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            interrupts.check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_may_enter():
    found = []

    def work():
        with Interrupts() as interrupts:
            interrupts.check()
        found.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found
