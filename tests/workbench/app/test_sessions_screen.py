"""The Sessions place, driven by keys over real session logs and a stand-in for the engine."""

import json
import threading

from sessions.paths import runs_dir
from sessions.records import NoteRecord
from sessions.session_log import SessionLog, find_session
from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import (
    Parrot,
    ask_demo,
    make_adapter,
    make_session,
    prompt_record,
)
from workbench.app.lists.dialogs import LineDialog
from workbench.app.lists.palette import Palette
from workbench.app.sessions.replayer import model_choices
from workbench.app.sessions.replaying import side_by_side
from workbench.app.sessions.screen import SessionsScreen
from workbench.app.widgets.picker import Picker
from workbench.app.widgets.text_panel import ErrorPanel
from workbench.demo.paths import MODEL_DIR
from workbench.errors import EngineError
from workbench.models.spec import ModelSpec
from workbench.playground.answer_diff import pieces
from workbench.playground.replay import Replayed

WIDE = (200, 60)
SMALL = (80, 24)


async def inside(pilot, screen):
    """Wait for the sessions, then go into the first one's records."""
    await until(pilot, lambda: len(screen.entries.keys) > 0)
    await pilot.press("enter")


async def replay_all(pilot, screen, key="R", choice=()):
    await inside(pilot, screen)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, Picker))
    await pilot.press(*choice, "enter")
    await until(pilot, lambda: pilot.app.screen is screen and screen.panel.shown)


async def test_sessions_stand_by_time_with_their_count_and_their_prompts():
    make_session("older", 2)
    make_session("newer", 5)
    app = Host(SessionsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.entries.keys) == 6)
        assert list(screen.table.keys) == ["newer", "older"]
        assert screen.table.sessions["newer"].prompts == 5
        text = drawn(app)
        assert "statement/true" in text and "True. The left image" in text
        assert "overlooks the small circle [/red]" in text


async def test_an_answer_of_a_grid_says_of_which_and_where_in_it():
    cell = {"temperature": 0.7, "template": "statement/yes-no"}
    SessionLog.open("day").append(prompt_record(sweep="01k2grid", cell=cell))
    app = Host(SessionsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await inside(pilot, app.place)
        words = "of the grid 01k2grid: temperature 0.7, template statement/yes-no"
        await until(pilot, lambda: words in drawn(app))


async def test_no_sessions_says_what_makes_one():
    app = Host(SessionsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "No sessions yet" in drawn(app))
        assert "p in Explore" in drawn(app)


async def test_enter_opens_the_sample_and_esc_goes_back():
    make_session(prompts=3)
    app = Host(SessionsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await inside(pilot, app.place)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.opened == [("demo/test/2", None)]
        await pilot.press("escape")
        await pilot.pause()
        assert app.place.focused is app.place.table


async def test_a_prompt_that_is_asked_elsewhere_appears_and_the_cursor_stays():
    log = make_session(prompts=3)
    app = Host(SessionsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await inside(pilot, screen)
        await pilot.press("down", "down")
        at = screen.entries.key
        log.append(prompt_record(uid="demo/test/77"))
        screen.listing.read()
        await until(pilot, lambda: len(screen.entries.keys) == 5)
        assert screen.entries.key == at


async def test_n_writes_a_note_about_the_record_under_the_cursor():
    log = make_session(prompts=2)
    about = log.records()[1]
    app = Host(SessionsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await inside(pilot, app.place)
        await pilot.press("down", "n")
        await until(pilot, lambda: isinstance(app.screen, LineDialog))
        await pilot.press(*"odd", "enter")
        await until(pilot, lambda: len(app.place.entries.keys) == 4)
    note = log.records()[-1]
    assert isinstance(note, NoteRecord)
    assert (note.text, note.uid, note.about) == ("odd", about.uid, about.id)


async def test_replaying_all_counts_what_changed_and_marks_it():
    log = SessionLog.open("day")
    ask_demo(log, 4, "True. There it is.")
    engine = Parrot(lambda n: "False. There it was." if n == 2 else "True. There it is.")
    app = Host(SessionsScreen(), engine)
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await replay_all(pilot, screen)
        await until(pilot, lambda: not screen.panel.running)
        text = drawn(app)
        assert "4 of 4 asked again" in text
        assert "1 answer changed" in text and "1 label changed" in text
        asked = [question[0] for question in engine.asked]
        assert len(asked) == 4 and all(message[-1].images for message in asked)
        await pilot.press("c")
        await pilot.pause()
        assert [pair.new.text for pair in screen.panel._shown] == ["False. There it was."]
        kept = find_session("day.replay")
        assert f"kept in {kept.id}" in drawn(app)
        assert [r.replay_of for r in kept.records()] == [r.id for r in log.records()]
        assert [r.text for r in kept.records()] == [pair.new.text for pair in screen.panel.pairs]
        records = log.records()
        await pilot.press("y", "enter")
        await pilot.pause()
        assert app.copied == [f"wb replay day --only {records[1].id}"]
        assert app.opened == [(records[1].uid, None)]
        await pilot.press("escape")
        await pilot.pause()
        assert not screen.panel.shown and len(log.records()) == 4


async def test_r_replays_one_prompt_with_the_model_that_is_typed(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")  # a hub may have it: it is asked all the same
    adapter = str(make_adapter("lora-a"))
    log = SessionLog.open("day")
    ask_demo(log, 3)
    engine = Parrot()
    app = Host(SessionsScreen(), engine)
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await replay_all(pilot, screen, "r", choice=tuple(f"my/model +{adapter}"))
        await until(pilot, lambda: not screen.panel.running)
        assert [(s.model, s.adapter) for _, s, _ in engine.asked] == [("my/model", adapter)]
        assert [pair.old.id for pair in screen.panel.pairs] == [log.records()[-1].id]
        await pilot.press("y")
        assert app.copied[0].endswith(f"--model my/model --adapter {adapter}")


async def test_what_is_typed_for_a_replay_is_read_as_flags_over_each_records_own_model():
    log = SessionLog.open("day")
    ask_demo(log, 2)
    engine = Parrot()
    app = Host(SessionsScreen(), engine)
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await replay_all(pilot, screen, choice=tuple("--dtype fp32"))
        await until(pilot, lambda: not screen.panel.running)
        assert [(s.model, s.dtype) for _, s, _ in engine.asked] == [("demo", "fp32")] * 2
        await pilot.press("y")
        assert app.copied[0].endswith("--dtype fp32")


def test_an_adapter_is_offered_for_a_replay_over_the_base_that_it_fits():
    for name, base in (("a", "own/model"), ("b", str(MODEL_DIR)), ("c", "")):
        folder = runs_dir() / name / "adapter"
        folder.mkdir(parents=True)
        config = {"peft_type": "LORA", "base_model_name_or_path": base}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        (folder / "adapter_model.safetensors").touch()
    present = ModelSpec(model="in/use")
    offered = [c.value["model"] for c in model_choices(present) if c.value["adapter"]]
    assert sorted(offered) == ["demo", "in/use", "own/model"]


async def test_esc_stops_a_replay_and_keeps_what_was_answered():
    ask_demo(SessionLog.open("day"), 3)
    engine = Parrot()
    app = Host(SessionsScreen(), engine)
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        engine.wait = threading.Event()
        await replay_all(pilot, screen)
        await until(pilot, lambda: len(engine.asked) == 1)
        await pilot.press("escape")
        await until(pilot, lambda: not screen.panel.running)
        await pilot.pause(0.1)
        assert len(engine.asked) == 1 and screen.panel.pairs == []
        assert screen.panel.shown


async def test_an_engine_that_dies_ends_the_replay_with_its_message():
    ask_demo(SessionLog.open("day"), 3)
    engine = Parrot(lambda n: EngineError("the engine has died", hint="F8") if n == 2 else "True.")
    app = Host(SessionsScreen(), engine)
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        app.fail = lambda error, title=None: app.push_screen(ErrorPanel(error, title))
        await replay_all_until_error(pilot, screen)
        assert "the engine has died" in drawn(app)
        assert len(engine.asked) == 2 and len(screen.panel.pairs) == 1


async def replay_all_until_error(pilot, screen):
    await inside(pilot, screen)
    await pilot.press("R")
    await until(pilot, lambda: isinstance(pilot.app.screen, Picker))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ErrorPanel))


async def test_a_damaged_session_is_told_and_what_is_whole_is_shown():
    log = make_session(prompts=2)
    with log.path.open("ab") as file:
        file.write(b'{"v": 1, "kind": "prompt", "tokens": 5}\nnot json\n{"kind": "pro')
    log.append(prompt_record(text="\x1b[31m[/x]\x07", uid="demo/test/9", label=None))
    app = Host(SessionsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: len(app.place.entries.keys) == 4)
        text = drawn(app)
        assert "damaged" in text and "[/x]" in text
        assert not set(text) & {"\x1b", "\x07"}


def test_changed_tokens_are_marked_and_only_they():
    old = prompt_record("True. The left image shows two red circles.")
    new = prompt_record("True. The right image shows two blue circles.")
    palette = Palette()
    left, right = side_by_side(Replayed(old, new), palette.bad, palette.good)
    marked = [left.plain[s.start : s.end].strip() for s in left.spans if s.style == palette.bad]
    assert marked == ["left", "red"]
    marked = [right.plain[s.start : s.end].strip() for s in right.spans if s.style == palette.good]
    assert marked == ["right", "blue"]


def test_an_answer_is_cut_where_its_text_ends_and_falls_back_to_words():
    tokens = ({"text": "Yes"}, {"text": " it"}, {"text": " is"}, {"text": "<end>"})
    assert pieces(prompt_record("Yes it is", tokens=tokens)) == ["Yes", " it", " is"]
    assert pieces(prompt_record("Yes it is", tokens=())) == ["Yes", " it", " is"]


async def test_a_search_leaves_the_sessions_and_the_records_that_have_every_word():
    make_session("older", 2)
    make_session("newer", 5)
    SessionLog.open("older").append(NoteRecord(text="The teal circle, LEFT of the square"))
    app = Host(SessionsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.table.keys) == 2 and screen.entries.keys)
        await pilot.press("slash", *"left teal")
        await until(pilot, lambda: list(screen.table.keys) == ["older"])
        await until(pilot, lambda: len(screen.entries.keys) == 1)
        assert "1 record in 1 of 2 sessions" in drawn(app)
        assert screen.entries.entry.text.startswith("The teal circle")
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is screen.table)
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is screen.entries)
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is screen.table)
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.table.keys) == 2)
        await until(pilot, lambda: len(screen.entries.keys) > 1)
        assert not screen.query_one("#session-search").display


async def test_a_search_that_finds_nothing_says_so_and_takes_esc():
    make_session("day", 2)
    app = Host(SessionsScreen())
    async with app.run_test(size=SMALL) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.entries.keys) > 0)
        await pilot.press("enter")  # into the session: at this size its list is hidden
        await until(pilot, lambda: app.focused is screen.entries)
        await pilot.press("slash", *"nowhere")
        await until(pilot, lambda: "Nothing has 'nowhere'" in drawn(app))
        assert "searched in 1 session: prompts, answers," in drawn(app)
        assert "/ Search" not in drawn(app).splitlines()[-1]  # it would be typed into the field
        assert "Esc shows all again" in drawn(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is screen.table)
        assert "Nothing has 'nowhere'" in drawn(app)
        await pilot.press("escape")
        await until(pilot, lambda: list(screen.table.keys) == ["day"])


async def test_what_is_asked_during_a_search_is_found_too():
    make_session("day", 1)
    app = Host(SessionsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.entries.keys) > 0)
        await pilot.press("slash", *"later")
        await until(pilot, lambda: "Nothing has 'later'" in drawn(app))
        SessionLog.open("day").append(NoteRecord(text="written later"))
        screen.listing.read()
        await until(pilot, lambda: list(screen.table.keys) == ["day"])
