"""Where HOME cannot be written, and where the disk is full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dancegen import compiled


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc here")
@pytest.mark.parametrize("cache", ["XDG_CACHE_HOME", "HOME"])
def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str) -> None:
    """librosa's functions are compiled into a folder of our own in the temporary folder, under our lock."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(cache, "/proc/self")
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = compiled._folder()
    assert folder is not None and folder.is_relative_to(tmp_path) and folder.is_dir()
    assert compiled._folder() == folder
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))  # as `compile_alone` sets it for its children
    assert compiled._folder() == folder
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    assert compiled._folder() is None


@pytest.mark.skipif(os.name != "posix", reason="links and owners are those of POSIX")
def test_a_cache_that_another_put_there_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/self")
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"dancegen-{os.getuid()}").symlink_to(tmp_path / "theirs")
    assert compiled._folder() is None
