"""Nothing leaves for a refused address: shown where nothing could leave."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.fetch.refused_urls import PUBLIC_ADDRESSES, refused_urls

ROOT = Path(__file__).resolve().parents[2]
REFUSALS = {"url_blocked", "url_invalid", "fetch_failed"}
NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")


@lru_cache
def run_outward(mode: str, *wrapper: str) -> dict[str, Any]:
    process = subprocess.run(
        [*wrapper, sys.executable, "-m", "tests.fetch.egress_program", mode],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-4000:]
    report: dict[str, Any] = json.loads(process.stdout)
    return report


def canonical(addresses: list[str] | tuple[str, ...]) -> set[str]:
    return {str(getattr(ip_address(a), "ipv4_mapped", None) or ip_address(a)) for a in addresses}


def check_report(report: dict[str, Any]) -> None:
    for way in ("refused", "posts"):
        assert report[way].keys() <= REFUSALS
        assert sum(report[way].values()) == len(refused_urls()) > 2500
        # A spelling that is no number and no name anywhere may fail to resolve; few do.
        assert report[way]["fetch_failed"] < 300
    assert report["leaks"] == []
    # The instrument sees: without the guard the same addresses are reached, and with it the
    # neighbours of every refused network.
    assert {"127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00::1"} <= set(report["control"])
    assert canonical(report["beside"]) == canonical(PUBLIC_ADDRESSES)


def test_no_connection_is_even_tried() -> None:
    check_report(run_outward("record"))


@pytest.fixture(scope="module")
def namespace() -> dict[str, Any]:
    """What was seen in a network of its own; skipped, loudly, where the machine gives none."""
    probe = [*NAMESPACE, "ip", "link", "set", "lo", "up"]
    here = shutil.which("unshare") and shutil.which("ip")
    if here and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return run_outward("namespace", *NAMESPACE)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn(
            "NOT RUN: no network namespace here (unshare -rn, ip), so the address table was only "
            "checked by recording what would have been connected to",
            stacklevel=1,
        )
    pytest.skip("no network namespace on this machine: the table ran in the recording test only")


def test_no_packet_leaves(namespace: dict[str, Any]) -> None:
    check_report(namespace)
    assert namespace["leaked packets"] == []
    assert namespace["public"] == {"ok": len(PUBLIC_ADDRESSES)}
    assert "169.254.169.254" in namespace["control packets"]


def test_no_public_server_redirects_us_inside(namespace: dict[str, Any]) -> None:
    outcomes = namespace["redirected"]
    assert outcomes.keys() <= REFUSALS | {"ok"}
    assert outcomes["url_blocked"] > 1800
    assert outcomes["ok"] < 20  # relative ones, answered by the same public server
    assert namespace["redirects reached"] == ["8.8.8.8"]


def test_no_name_server_leads_us_inside(namespace: dict[str, Any]) -> None:
    names = namespace["names"]
    if names["public.example"] == [["fetch_failed"] * 2, []]:
        pytest.skip("this machine's resolver does not ask name servers over the network")
    assert names == {
        "public.example": [["ok", "ok"], ["8.8.8.8"]],
        "private.example": [["url_blocked", "url_blocked"], []],
        "metadata.example": [["url_blocked", "url_blocked"], []],
        "rebinding.example": [["ok", "url_blocked"], ["8.8.8.8"]],
        "mixed.example": [["url_blocked", "url_blocked"], []],
        "mixed-late.example": [["url_blocked", "url_blocked"], []],
    }
