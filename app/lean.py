"""Imports without what they bring along and nobody here uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Whatever imports ``names`` meanwhile gets empty modules; those imported before stay.

    Afterwards they can be imported as always.
    """
    absent = {name: ModuleType(name) for name in names if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name, empty in absent.items():
            if sys.modules.get(name) is empty:
                del sys.modules[name]
