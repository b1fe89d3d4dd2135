import subprocess
import sys

import pytest

from app.face.landmarks import stub_modules


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_meanwhile_a_module_is_empty_and_afterwards_it_is_not() -> None:
    code = (
        "from app.face.landmarks import stub_modules\n"
        "with stub_modules('colorsys'):\n"
        "    import colorsys\n"
        "    print(hasattr(colorsys, 'rgb_to_hsv'))\n"
        "import colorsys\n"
        "print(hasattr(colorsys, 'rgb_to_hsv'))"
    )
    assert run(code) == "False\nTrue"


def test_what_was_imported_before_stays() -> None:
    with stub_modules("pytest"):
        assert sys.modules["pytest"] is pytest
    assert sys.modules["pytest"] is pytest


def test_after_a_failure_nothing_is_left() -> None:
    with pytest.raises(ZeroDivisionError), stub_modules("never_heard_of"):
        raise ZeroDivisionError
    assert "never_heard_of" not in sys.modules


def test_looking_at_faces_takes_no_plotting_library() -> None:
    code = "import sys, app.face.landmarks; print('matplotlib' in sys.modules)"
    assert run(code) == "False"
    assert run(f"{code}; import matplotlib.pyplot as p; print(callable(p.plot))") == "False\nTrue"
