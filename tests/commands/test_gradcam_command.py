"""`wb gradcam`: pictures, figures, JSON, the record, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from PIL import Image

from commands.gradcam import _in_words
from commands.main import cli
from sessions.errors import WbError
from sessions.records import GradcamRecord, PromptRecord
from sessions.session_log import current_session

pytestmark = pytest.mark.slow

UID = "demo/test/000003"


def wb(*args: str):
    return CliRunner().invoke(cli, ["gradcam", *args], catch_exceptions=True)


def local(*args: str):
    result = wb(UID, "--local", "--device", "cpu", *args)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def test_json_is_one_document_with_the_promised_keys():
    found = json.loads(local("--answer", "True", "--json").stdout)
    for key in ("uid", "token", "method", "layer", "images", "target", "contrast", "score"):
        assert key in found
    assert found["uid"] == UID
    assert len(found["images"]) == 2
    for image in found["images"]:
        high, wide = image["grid"]
        assert [len(row) for row in image["heat"]] == [wide] * high
        assert all(0 <= value <= 1 for row in image["heat"] for value in row)
        assert 0 <= image["peak"][0] < image["size"][0] == 64
    assert max(v for image in found["images"] for row in image["heat"] for v in row) == 1


def test_without_an_answer_the_model_is_asked_and_its_own_tokens_are_explained():
    found = json.loads(local("--all-tokens", "--json").stdout)
    assert "".join(one["token_text"] for one in found["tokens"]).strip() == found["answer"].strip()
    assert [one["token"] for one in found["tokens"]] == list(range(len(found["tokens"])))
    assert found["images"] == found["tokens"][0]["images"]


def test_free_text_is_a_prompt_of_its_own():
    one = json.loads(local("Is there a circle?", "--answer", "yes", "--json").stdout)
    two = json.loads(local("Is there a square?", "--answer", "yes", "--json").stdout)
    assert one["score"] != two["score"]


def test_out_holds_the_overlays_of_every_image_and_token(tmp_path):
    out = tmp_path / "heat.png"
    result = local("--answer", "True", "--out", str(out), "--opacity", "1", "--colormap", "grey")
    with Image.open(out) as picture:
        assert picture.size == (64 + 4 + 64, 64)
        assert picture.getpixel((66, 5)) == (255, 255, 255)  # the gap
        r, g, b = picture.getpixel((5, 5))
        assert r == g == b
    assert "wrote" in result.stderr
    local("--answer", "True False", "--all-tokens", "--out", str(out))
    with Image.open(out) as picture:
        assert picture.height > 64 * 2


def test_people_get_a_line_per_token_and_image():
    result = local("--answer", "True")
    assert len(result.stdout.strip().splitlines()) == 3
    assert "True" in result.stdout
    assert "patch.embed" in result.stderr or "merged" in result.stderr or "patch." in result.stderr


def test_occlusion_and_its_knobs_are_methods_like_any_other():
    args = ("--method", "occlusion", "--window", "32", "--stride", "32", "--baseline", "local")
    found = json.loads(local("--answer", "True", *args, "--json").stdout)
    assert found["method"] == "occlusion"
    assert found["images"][0]["grid"] == [2, 2]


def test_each_explained_token_leaves_a_line_in_the_session():
    local("--answer", "True False", "--all-tokens", "--contrast", "no", "--target", "margin")
    records = current_session().records()
    assert len(records) >= 2
    assert all(isinstance(record, GradcamRecord) for record in records)
    assert records[0].uid == UID
    assert records[0].contrast
    assert records[0].messages[0]["content"][0]["uid"] == UID
    assert "heat" not in records[0].images[0]
    local("--answer", "True", "--no-record")
    assert len(current_session().records()) == len(records)


def test_a_record_makes_its_map_again_by_its_own_model_and_knobs():
    args = ("--method", "occlusion", "--window", "32", "--stride", "32", "--baseline", "local")
    first = json.loads(local("--answer", "True", *args, "--json").stdout)
    (record,) = current_session().records()
    again = wb(record.id[-6:], "--local", "--json", "--no-record")
    assert again.exit_code == 0, (again.output, again.exception)
    found = json.loads(again.stdout)
    assert found["uid"] == UID
    assert found["images"] == first["images"]
    assert found["identity"] == first["identity"] == record.identity
    for flags, words in ((("a text",), "TEXT"), (("--method", "gradcam"), "--method")):
        refused = wb(record.id, *flags)
        assert isinstance(refused.exception, WbError) and words in refused.exception.message


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nonsense",), "nonsense"),
        (("demo/test/999999",), "999999"),
        ((UID, "--out", "heat.xyz"), "heat.xyz"),
        ((UID, "--out", "/nowhere/at/all/heat.png"), "/nowhere"),
        ((UID, "--opacity", "2"), "opacity"),
        ((UID, "text", "--template", "demo"), "TEXT"),
        ((UID, "--template", "plaid"), "plaid"),
        ((UID, "--local", "--answer", "True", "--method", "plaid"), "plaid"),
        ((UID, "--local", "--answer", "True", "--layer", "patch.block77"), "block77"),
        ((UID, "--local", "--answer", "True", "--token", "12"), "12"),
        ((UID, "--local", "--model", "/nowhere/model"), "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(args, words):
    result = wb(*args)
    assert isinstance(result.exception, WbError), result.output
    assert words in result.exception.message
    assert result.exception.exit_code == 2 or "model" in words
    assert current_session().records() == []


def test_the_help_imports_no_torch():
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from commands.main import cli\n"
        "assert CliRunner().invoke(cli, ['gradcam', '--help']).exit_code == 0\n"
        "assert not {'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_engine_explains_the_answer_that_it_gave():
    from workbench.serving.client import Engine

    engine = Engine.connect(wait_s=60, idle_minutes=5)
    try:
        result = wb(UID, "--json")
        assert result.exit_code == 0, (result.output, result.exception)
        here = json.loads(local("--json", "--no-record").stdout)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(engine.pid, signal.SIGKILL)
    found = json.loads(result.stdout)
    assert found["answer"] == here["answer"]
    for a, b in zip(found["images"], here["images"], strict=True):
        for left, right in zip(a["heat"], b["heat"], strict=True):
            assert left == pytest.approx(right, abs=1e-3)
    prompt, heat = current_session().records()
    assert isinstance(prompt, PromptRecord)
    assert isinstance(heat, GradcamRecord)
    assert heat.prompt_id == prompt.id


def test_an_id_that_nothing_has_leads_to_the_sessions(run_wb):
    done = run_wb("gradcam", "zzzzzz", "--json")
    assert done.code == 2
    assert done.json["error"]["hint"] == "see: wb sessions list, wb sessions show SESSION"


def test_what_a_map_shows_is_one_sentence():
    one = {"token_text": " four", "contrast": " three", "target": "margin"}
    one |= {"method": "elementwise", "layer": "patch.block2"}
    assert _in_words([one], "A four.") == (
        "shown: what speaks for the token ' four' of the answer 'A four.' and against ' three' "
        "(margin), by elementwise at the layer patch.block2"
    )
    assert "each token of the answer 'A four.' (margin)" in _in_words([one, one], "A four.")
    assert "class 'true' of the model's head" in _in_words([one | {"head": "true"}], "")
