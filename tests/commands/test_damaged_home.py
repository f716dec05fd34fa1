"""One bad file never takes the rest down, whatever it is and whoever reads it."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from sessions.errors import WbError
from tests.mutations import FATAL, MUTATIONS, Mutation
from tests.real_home import Home, bench_readers, build_home, call, files_of, reading_commands

pytestmark = pytest.mark.slow

SEED = 7
SLICES = 4
EACH = 2  # mutations of each file
LONGEST_S = 10  # a reader that takes longer hangs


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Iterator[Home]:
    """The home that is damaged in copies."""
    with pytest.MonkeyPatch.context() as patch:
        top = tmp_path_factory.mktemp("home")
        patch.setenv("WB_HOME", str(top / "wb"))
        patch.setenv("HF_HOME", str(top / "hf"))
        yield build_home(top / "wb", top / "own")


@contextmanager
def in_time(what: str) -> Iterator[None]:
    """Fail where the body waits for something that never comes."""

    def give_up(*_: object) -> None:
        raise AssertionError(f"hangs: {what}")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def cases(home: Home) -> list[tuple[Path, Mutation]]:
    """Every file, but those of a second run, job and session, with some mutations each."""
    draw = random.Random(SEED)
    out = []
    for number, path in enumerate(files_of(home.path)):
        twins = {*home.runs[1:2], *home.jobs[1:], f"{home.sessions[1]}.jsonl", "other.toml"}
        if twins & set(path.relative_to(home.path).parts):
            continue  # what has happened to the first of its kind is enough
        some = draw.sample(MUTATIONS, len(MUTATIONS))[: EACH - 1]
        some.append(FATAL[number % len(FATAL)])
        out += [(path.relative_to(home.path), mutation) for mutation in dict.fromkeys(some)]
    return out


@pytest.mark.parametrize("part", range(SLICES))
def test_no_damaged_file_of_the_home_takes_the_rest_down(part, original, tmp_path, monkeypatch):
    wrong: list[str] = []
    for number, (path, mutation) in enumerate(cases(original)):
        if number % SLICES == part:
            home = Home(tmp_path / f"{number}", *list(vars(original).values())[1:])
            shutil.copytree(original.path, home.path)
            monkeypatch.setenv("WB_HOME", str(home.path))
            monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
            mutation(home.path / path, random.Random(number))
            found = what_goes_wrong(home)
            if not found:
                with in_time("the lists"):
                    found = what_is_lost(home, path, mutation)
            wrong += [f"{path} {mutation.__name__}: {what}" for what in found]
            shutil.rmtree(home.path)
    assert not wrong, "\n".join(wrong)


def what_goes_wrong(home: Home) -> list[str]:
    """Which readers raise what is no clear error, or hang; of commands with and without JSON."""
    wrong = []
    for line in reading_commands(home):
        try:
            with in_time(" ".join(line)):
                call(line)
        except (WbError, click.ClickException, click.exceptions.Exit, SystemExit):
            pass
        except BaseException as error:
            wrong.append(f"wb {' '.join(line)}: {type(error).__name__}: {str(error)[:200]}")
    for reader in bench_readers(home):
        try:
            with in_time(str(reader)):
                reader()
        except WbError:
            pass
        except BaseException as error:
            wrong.append(f"{reader}: {type(error).__name__}: {str(error)[:200]}")
    return wrong


def what_is_lost(home: Home, path: Path, mutation: Mutation) -> list[str]:
    """Which lists lack one of their members, or do not name the one that is damaged."""
    if path.name == "config.toml":
        return []  # wrong settings are refused before anything is done
    wrong = []
    lists = {"runs": home.runs, "jobs": home.jobs, "sessions": home.sessions}
    for what, ids in lists.items():
        out, err = call([what, "list", "--json"])
        listed = {row["id"] for row in json.loads(out)}
        wrong += [f"{what} list lacks {ident}" for ident in ids if ident not in listed]
        hit = [
            ident for ident in ids if path.parts[:2] in ((what, ident), (what, f"{ident}.jsonl"))
        ]
        small = path.suffix == ".json" and len(path.parts) == 3
        unreadable = path.suffix == ".jsonl" and mutation in FATAL[2:]
        unreadable = unreadable and len(path.parts) == (2 if what == "sessions" else 3)
        told = "history" not in path.name and mutation in FATAL and (small or unreadable)
        if hit and told and hit[0] not in err:
            wrong.append(f"{what} list does not name {hit[0]}: {err!r}")
        if not hit and err.strip():
            wrong.append(f"{what} list complains: {err!r}")
    listed = {row["name"]: row for row in json.loads(call(["data", "list", "--json"])[0])}
    wrong += [f"data list lacks {name}" for name in home.datasets if name not in listed]
    for name in home.datasets:
        if path == Path("datasets", f"{name}.toml") and mutation in FATAL:
            if not (listed.get(name) or {}).get("error"):
                wrong.append(f"data list does not name {name}")
        elif path.parent != Path("datasets") and (listed.get(name) or {}).get("error"):
            wrong.append(f"data list complains: {listed[name]}")
    return wrong


def test_every_kind_of_file_is_tried(original):
    kinds = {path.relative_to(original.path).parts[0] for path in files_of(original.path)}
    assert {"sessions", "runs", "jobs", "images", "datasets", "cache", "prompts"} <= kinds
    assert {"config.toml", "bench.json", "servers.json", "uids.sqlite3"} <= kinds


def test_a_sound_home_is_read_without_a_complaint(original, monkeypatch):
    monkeypatch.setenv("WB_HOME", str(original.path))
    for what in ("runs", "jobs", "sessions"):
        out, err = call([what, "list", "--json"])
        assert len(json.loads(out)) >= 2
        assert not err
    assert not what_goes_wrong(original)
