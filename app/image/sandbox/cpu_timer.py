"""A timer of this process's processor time: at its end SIGXCPU kills.

A limit on the total (RLIMIT_CPU) counts the kernel's ticks, and whoever moves it along has another
count (getrusage): over hours the two drift apart by seconds. This timer (POSIX ``timer_create`` on
``CLOCK_PROCESS_CPUTIME_ID``) starts from zero each time. ``setitimer`` would do as well, but for
libraries that use its signal themselves. Python has no call for it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import Final

_SIGEV_SIGNAL: Final = 0


class _SignalEvent(ctypes.Structure):
    """``struct sigevent``, 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal_number", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("_padding", ctypes.c_char * 48),
    )


class _TimerSpec(ctypes.Structure):
    """``struct itimerspec``: the interval, which is zero, and the time until the signal."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class CpuTimer:
    """One for a process. Raises ``OSError`` where the kernel refuses."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = ctypes.c_void_p()
        event = _SignalEvent(signal_number=signal.SIGXCPU, notify=_SIGEV_SIGNAL)
        clock = ctypes.c_int(time.CLOCK_PROCESS_CPUTIME_ID)
        self._check(self._libc.timer_create(clock, ctypes.byref(event), ctypes.byref(self._timer)))

    def start(self, seconds: int) -> None:
        """The process dies after so much of its processor time, from now on."""
        spec = _TimerSpec(value_s=seconds)
        self._check(self._libc.timer_settime(self._timer, 0, ctypes.byref(spec), None))

    def stop(self) -> None:
        self.start(0)

    def _check(self, result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
