"""`wb models load` and `wb models merge`: adapters at hand in the engine, and written in."""

from __future__ import annotations

import pytest

from tests.commands.engine_home import engine_home, home  # noqa: F401
from tests.workbench.models.make_adapters import build_adapter, build_prefix, configs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A small model, three adapters over it, and a folder for what is written."""
    from transformers import Qwen2VLForConditionalGeneration

    from tests.workbench.models.tiny import build_qwen2_vl

    root = tmp_path_factory.mktemp("made")
    model, wanted = build_qwen2_vl(root / "model"), configs()
    base = Qwen2VLForConditionalGeneration.from_pretrained(model)
    build_adapter(base, wanted["lora"], root / "lora")
    build_adapter(base, wanted["ia3"], root / "ia3")
    build_prefix(base, root / "prefix")
    return {p.name: str(p) for p in root.iterdir()} | {"merged": str(root / "merged")}


def text(run_wb, made, adapter: str, model: str = "model") -> dict:
    flags = ["--adapter", adapter] if adapter else []
    done = run_wb(
        *("prompt", "demo/test/000001", "is it red?", "--model", made[model], *flags),
        *("--max-new-tokens", "5", "--json"),
    )
    assert done.code == 0, done.err + done.out
    return done.json


def test_adapters_that_were_loaded_are_asked_for_by_name_and_read_no_file(
    run_wb,
    home,  # noqa: F811
    made,
):
    done = run_wb(
        *("models", "load", made["model"], "--adapter", f"a={made['lora']}"),
        *("--adapter", f"b={made['ia3']}", "--adapter", made["prefix"], "--json"),
    )
    assert done.code == 0, done.err + done.out
    assert [(one["name"], one["kind"]) for one in done.json["adapters"]] == [
        ("a", "LORA"),
        ("b", "IA3"),
        ("", "PREFIX_TUNING"),
    ]
    assert done.json["adapter"] is None
    by_folder = {name: text(run_wb, made, made[f]) for name, f in (("a", "lora"), ("b", "ia3"))}
    by_name = {name: text(run_wb, made, name) for name in ("a", "b")}
    for name in ("a", "b"):
        assert by_name[name]["text"] == by_folder[name]["text"]
        assert by_name[name]["identity"] == by_folder[name]["identity"]
    assert len({text(run_wb, made, a)["identity"] for a in ("", "a", "b", made["prefix"])}) == 4
    shown = run_wb("engine", "status", "--json").json["model"]["adapters"]
    assert [one["active"] for one in shown].count(True) == 1
    status = run_wb("engine", "status").out
    assert "a = " in status and "LORA" in status


def test_a_name_that_is_none_and_two_of_one_name_are_refused(run_wb, home, made):  # noqa: F811
    done = run_wb("prompt", "demo/test/000001", "x", "--model", made["model"], "--adapter", "c")
    assert done.code == 2 and "no adapter 'c'" in done.err
    twice = ("--adapter", f"a={made['lora']}", "--adapter", f"a={made['ia3']}")
    done = run_wb("models", "load", made["model"], *twice)
    assert done.code == 2 and "two adapters of one name" in done.err


def test_a_merged_folder_answers_as_the_adapter(run_wb, home, made):  # noqa: F811
    done = run_wb("models", "merge", made["model"], made["lora"], "--out", made["merged"], "--json")
    assert done.code == 0, done.err + done.out
    assert done.json["path"] == made["merged"] and done.json["adapter_kind"] == "LORA"
    assert text(run_wb, made, "", "merged")["text"] == text(run_wb, made, made["lora"])["text"]
    assert run_wb("models", "show", made["merged"], "--json").json["family"] == "qwen2_vl"
    again = run_wb("models", "merge", made["model"], made["lora"], "--out", made["merged"])
    assert again.code == 2 and "there already" in again.err


def test_flags_that_mean_nothing_to_a_model_are_refused_not_ignored(run_wb, home, made):  # noqa: F811
    asked = ("prompt", "demo/test/000001", "x", "--model", made["model"])
    done = run_wb(*asked, "--quant-type", "fp4")
    assert done.code == 2 and "--quant-type is about 4bit" in done.err
    done = run_wb(*asked, "--attention", "flash_attention_2")
    assert done.code == 1 and "flash-attn is not installed" in done.err
    assert "--attention sdpa" in done.err
    few = run_wb(*asked, "--max-pixels", "1024", "--max-new-tokens", "2", "--json").json
    many = run_wb(*asked, "--max-new-tokens", "2", "--json").json
    assert few["prompt_tokens"] < many["prompt_tokens"]
    assert few["identity"] != many["identity"] and few["further"] == {"image_max_pixels": 1024}
