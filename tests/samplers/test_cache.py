"""The cache folder, by platform and environment."""

import sys
from pathlib import Path

import pytest

from samplers.cache import cache_home


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "home/.cache/ab-initio"),
        ("linux", {"XDG_CACHE_HOME": "xdg"}, "xdg/ab-initio"),
        ("darwin", {}, "home/Library/Caches/ab-initio"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/ab-initio"),
        ("win32", {}, "home/AppData/Local/ab-initio"),
        ("linux", {"AB_INITIO_CACHE": "ours", "XDG_CACHE_HOME": "xdg"}, "ours"),
    ],
)
def test_cache_home(platform, variables, expected, tmp_path, monkeypatch):
    for name in ("AB_INITIO_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, folder in variables.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_home() == tmp_path / expected
