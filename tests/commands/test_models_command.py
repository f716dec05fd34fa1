"""`wb models`: what can be named, without loading anything."""

from __future__ import annotations

import json

from sessions.runs import Run


def test_the_demo_is_listed_first_with_what_serves_it(run_wb):
    found = run_wb("models", "list", "--json").json
    assert list(found[0])[0] == "name"
    assert (found[0]["name"], found[0]["family"], found[0]["where"]) == (
        "demo",
        "qwen2_vl",
        "built in",
    )
    assert "demo" in run_wb("models", "list").out


def test_a_runs_adapter_is_listed(run_wb):
    assert run_wb("models", "list", "--adapters", "--json").json == []
    folder = Run.create({"kind": "train"}, "key", kind="train").path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": "demo"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(b"x" * 100)
    (found,) = run_wb("models", "list", "--adapters", "--json").json
    about = {"name": str(folder), "peft_type": "LORA", "base": "demo", "bytes": 100}
    assert found == about | {"head": [], "problem": ""}
    assert "LORA" in run_wb("models", "list", "--adapters").out
    assert run_wb("models", "show", str(folder), "--json").json["peft_type"] == "LORA"


def test_an_adapter_without_weights_is_listed_with_its_problem_among_the_others(run_wb):
    for name in ("whole", "broken"):
        folder = Run.create({"kind": "train"}, name, kind="train").path / "adapter"
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
        if name == "whole":
            (folder / "adapter_model.safetensors").write_bytes(b"x" * 100)
    found = run_wb("models", "list", "--adapters", "--json").json
    whole, broken = sorted(found, key=lambda adapter: adapter["problem"])
    assert whole["problem"] == "" and "safetensors" in broken["problem"]
    assert broken["name"] in run_wb("models", "list", "--adapters").out


def test_one_model_in_detail(run_wb):
    found = run_wb("models", "show", "demo", "--json").json
    assert found["architectures"] == "Qwen2VLForConditionalGeneration"
    assert found["context_length"] > 0 and found["not_supported"] == {}
    assert "context length" in run_wb("models", "show", "demo").out


def test_what_is_no_model_is_exit_1_or_2_with_a_message(run_wb, tmp_path):
    missing = run_wb("models", "show", "/no/such", "--json")
    assert missing.code == 2 and "/no/such" in missing.json["error"]["message"]
    empty = run_wb("models", "show", str(tmp_path))
    assert empty.code == 1 and "config.json" in empty.err


def test_a_model_is_composed_of_two_and_then_told_of(run_wb, tmp_path):
    from tests.workbench.models.make_two_stage import phi, resnet

    parts = ["--vision", str(resnet(tmp_path / "resnet")), "--language", str(phi(tmp_path / "phi"))]
    out = str(tmp_path / "model")
    made = run_wb("models", "compose", *parts, "--out", out, "--image-tokens", "pooled", "--json")
    assert made.code == 0 and made.err == ""
    assert (made.json["path"], made.json["tokens_per_image"]) == (out, 8)
    assert made.json["memory"] == run_wb("models", "show", out, "--json").json["memory"]
    again = run_wb("models", "compose", *parts, "--out", out)
    assert again.code == 2 and "is there already" in again.err and not again.out
    parts[1] = parts[3]
    wrong = run_wb("models", "compose", *parts, "--out", str(tmp_path / "other"), "--json")
    assert wrong.code == 1 and wrong.json["error"]["kind"] == "wrong_architecture"
    assert not (tmp_path / "other").exists()


def test_a_setting_about_4bit_weights_counts_only_where_they_are(capsys):
    import click

    from commands.asking import model_options, spec_from
    from workbench.errors import UsageError

    seen = []

    @click.command()
    @model_options()
    def ask(**flags):
        seen.append(spec_from(flags))

    settings = {"quantization": "4bit", "quant_type": "fp4", "image_max_pixels": 9000}
    ask.main([], standalone_mode=False, default_map=settings)
    ask.main(["--quantization", "none"], standalone_mode=False, default_map=settings)
    assert (seen[0].quantization, seen[0].quant_type) == ("4bit", "fp4")
    assert (seen[1].quantization, seen[1].quant_type) == ("none", None)
    assert seen[1].image_max_pixels == 9000
    try:
        ask.main(["--quantization", "none", "--quant-type", "fp4"], standalone_mode=False)
    except UsageError as error:
        assert "--quant-type" in error.message
    else:
        raise AssertionError("what was typed is not ignored")
