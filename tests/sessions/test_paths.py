"""Where the record lies, and what is said when it cannot."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sessions import paths
from sessions.errors import RecordError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_home_is_wb_home_and_private(tmp_path):
    assert paths.home() == tmp_path / "wb"
    assert mode(tmp_path / "wb") == 0o700
    for folder in (paths.sessions_dir(), paths.runs_dir(), paths.jobs_dir(), paths.cache_dir()):
        assert folder.parent == paths.home()
        assert mode(folder) == 0o700


def test_without_wb_home_the_home_is_in_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("WB_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert paths.home(create=False) == tmp_path / "data" / "vlm-workbench"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.home(create=False) == tmp_path / ".local/share/vlm-workbench"


def test_asking_where_something_would_be_makes_nothing(tmp_path):
    paths.runs_dir(create=False)
    paths.runtime_dir(create=False)
    assert not (tmp_path / "wb").exists()


def test_a_home_that_is_a_file_is_one_clear_message(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WB_HOME", str(tmp_path / "file"))
    with pytest.raises(RecordError) as caught:
        paths.sessions_dir()
    assert str(tmp_path / "file") in caught.value.message
    assert "WB_HOME" in caught.value.hint


def test_sockets_lie_in_a_short_private_folder_of_each_home(monkeypatch, tmp_path):
    first = paths.runtime_dir()
    assert mode(first) == 0o700
    assert len(str(first / "engine.sock")) < 100
    monkeypatch.setenv("WB_HOME", str(tmp_path / "other"))
    assert paths.runtime_dir(create=False) != first


def test_a_long_folder_for_temporary_files_does_not_make_a_long_socket(monkeypatch, tmp_path):
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert len(str(paths.runtime_dir(create=False))) < 80


def test_a_runtime_folder_that_others_can_enter_is_refused(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    real = paths.runtime_dir().parent
    fake = tmp_path / "t"
    fake.mkdir()
    monkeypatch.setattr(paths, "_MAX_SOCKET_FOLDER", 4096)
    monkeypatch.setattr("tempfile.tempdir", str(fake))
    (fake / real.name).mkdir(mode=0o777)
    (fake / real.name).chmod(0o777)
    with pytest.raises(RecordError, match="not a private folder"):
        paths.runtime_dir()


def test_a_link_in_the_place_of_the_runtime_folder_is_refused(monkeypatch, tmp_path):
    fake = tmp_path / "t"
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    fake.mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(paths, "_MAX_SOCKET_FOLDER", 4096)
    monkeypatch.setattr("tempfile.tempdir", str(fake))
    (fake / f"wb-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordError, match="not a private folder"):
        paths.runtime_dir()


def test_databases_move_to_the_local_folder_and_homes_keep_apart(monkeypatch, tmp_path):
    assert paths.database_dir() == paths.home()
    monkeypatch.setenv("WB_LOCAL_DIR", str(tmp_path / "local"))
    one = paths.database_dir()
    assert one.parent == tmp_path / "local"
    monkeypatch.setenv("WB_HOME", str(tmp_path / "other"))
    assert paths.database_dir() != one
