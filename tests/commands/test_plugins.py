"""What other packages add: the example package through the commands, and broken ones beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GROUPS = {"family": "wb.families", "reader": "wb.readers", "metric": "wb.metrics"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `examples/plugin`, as pip installs it without a network."""
    made = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(ROOT / "examples/plugin", made / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run([*pip, *offline, "--target", made / "site", source], check=True)
    return made / "site"


@pytest.fixture
def example(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example package, importable."""
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`package("pip-name", "reader", "x = mod:f", mod="code")` is as good as installed."""

    def install(name: str, kind: str, *points: str, **modules: str) -> None:
        site = tmp_path / name
        info = site / f"{name.replace('-', '_')}-2.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n")
        lines = [f"[{GROUPS[kind]}]", *points]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for module, code in modules.items():
            (site / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(str(site))

    return install


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model under the `model_type` of the example's family."""
    from workbench.demo.paths import MODEL_DIR

    folder = shutil.copytree(MODEL_DIR, tmp_path_factory.mktemp("model") / "example")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "example_vl"}))
    return folder


def test_the_listing_names_each_with_its_package(example, run_wb):
    done = run_wb("plugins", "list", "--json")
    found = {(p["kind"], p["name"]): (p["package"], p["version"], p["problem"]) for p in done.json}
    named = {("family", "example_vl"), ("reader", "stanza"), ("metric", "length_ratio")}
    assert named <= set(found)
    assert {found[key] for key in named} == {("wb-example", "0.1.0", "")}
    assert "length_ratio" in run_wb("plugins", "list").out


def test_a_family_and_a_metric_of_the_package_evaluate(example, renamed, run_wb):
    def answers(model: str) -> list[str]:
        done = run_wb("run-eval", "--dataset", "demo/test", "--model", model, "--limit", "2",
                      "--threads", "1", "--json")  # fmt: skip
        assert done.code == 0, done.err
        lines = (Path(done.json["path"]) / "predictions.jsonl").read_text().splitlines()
        return [json.loads(line)["text"] for line in lines]

    assert answers(str(renamed)) == answers("demo")
    scored = run_wb("runs", "score", "last", "--metrics", "length_ratio,distinct", "--json")
    figures = scored.json["metrics"]
    assert 0 < figures["explanation/length_ratio"]["value"] < 3
    assert figures["explanation/length_ratio"]["low"] is not None
    assert "explanation/distinct1" in figures


def test_what_a_family_cannot_do_is_told_without_loading_it(example, renamed, run_wb):
    facts = run_wb("models", "show", str(renamed), "--json").json
    assert facts["family"] == "example_vl"
    assert facts["served_by"] == "wb-example 0.1.0"
    assert facts["not_supported"] == {"prefix tuning": "nobody has tried it"}
    assert facts["problem"] == ""


STANZAS = "id: {0}\nquestion: Is {0} null?\nanswer: {1}\n\n"


@pytest.mark.parametrize(("file", "flags"), [("t.stanza", []), ("t.dat", ["--format", "stanza"])])
def test_a_format_of_the_package_is_added_and_read(example, tmp_path, run_wb, file, flags):
    rows = [STANZAS.format(i, "null" if i == 2 else "yes") for i in range(4)]
    (tmp_path / file).write_text("".join(rows[:2]) + "no colon\n\n" + "".join(rows[2:]))
    done = run_wb("data", "add", "cards", str(tmp_path / file), *flags, "--allow-missing", "--json")
    assert done.code == 0, done.err
    assert done.json["splits"] == {"t": 5}
    assert "'no colon' has no colon" in json.dumps(done.json["problems"])
    sample = run_wb("inspect", "cards/t/2", "--json").json
    assert "Is 2 null?" in json.dumps(sample)
    assert sample["label"] == "null"  # a word: such a format has rows, and no spelling of nothing


def test_an_unknown_format_names_those_of_packages_too(example, tmp_path, run_wb):
    (tmp_path / "t.dat").write_text("x")
    done = run_wb("data", "add", "d", str(tmp_path / "t.dat"), "--format", "nope")
    assert done.code == 2
    assert "webdataset, stanza" in done.err
    assert "|stanza" in run_wb("data", "add", "d", str(tmp_path / "t.dat")).err


def test_a_format_whose_package_is_gone_says_so(tmp_path, monkeypatch, site, run_wb):
    (tmp_path / "t.stanza").write_text(STANZAS.format(1, "yes"))
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(site))
        assert run_wb("data", "add", "cards", str(tmp_path / "t.stanza"), "--format", "stanza",
                      "--allow-missing").code == 0  # fmt: skip
    (tmp_path / "t.stanza").write_text(STANZAS.format(2, "no"))  # what is indexed is not enough
    done = run_wb("inspect", "cards/t/2")
    assert done.code == 2
    assert "no format 'stanza'" in done.err and "install the package" in done.err


# -- broken ones ---------------------------------------------------------------------------------

RAISES = "raise ImportError('wants numpy 9')"


def test_a_broken_metric_is_told_where_it_is_named_and_nowhere_else(package, run_wb):
    from workbench.evaluation.metrics.text.registry import TextPairs, score_texts, unknown

    package("bad-pkg", "metric", "bad = bad_module:f", bad_module=RAISES)
    package("odd-pkg", "metric", "odd = odd_module:f", odd_module="f = 3")
    said = unknown(["cider", "bad"])
    assert "the metric 'bad' of the package bad-pkg 2.0" in said
    assert "wants numpy 9" in said and "pip uninstall bad-pkg" in said
    assert "'odd'" in unknown(["odd"]) and "no function" in unknown(["odd"])
    assert score_texts(TextPairs(["a b"], [["a b"]]), ["coco_rouge_l"])[0].value == 1.0
    for line in (["--help"], ["data", "list"], ["runs", "list"], ["models", "list"]):
        done = run_wb(*line)
        assert done.code == 0
        assert "bad" not in done.err


def test_a_metric_that_fails_costs_its_own_figure(package):
    from workbench.evaluation.metrics.text.registry import TextPairs, score_texts

    code = "def f(texts):\n    return [{}][texts.answers]\ndef g(texts):\n    return ['x']\n"
    package("fails", "metric", "fails = fails_mod:f", "wrong = fails_mod:g", fails_mod=code)
    failed, wrong, fine = score_texts(TextPairs(["a"], [["a"]]), ["fails", "wrong", "coco_rouge_l"])
    assert failed.value is None and "TypeError" in failed.reason and "fails 2.0" in failed.reason
    assert wrong.value is None and "wanted Scored of 1 answers" in wrong.reason
    assert fine.value == 1.0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (RAISES, "wants numpy 9"),
        ("raise SystemExit(3)", "SystemExit"),
        ("FAMILY = 1", "no FamilyPlugin"),
        (
            "from workbench.models.families.registry import FamilyPlugin\n"
            "FAMILY = FamilyPlugin('no_such_module:X')",
            "no_such_module",
        ),
    ],
)
def test_a_broken_family_refuses_its_own_models_alone(package, renamed, run_wb, code, said):
    package("bad-vl", "family", "example_vl = bad_vl:FAMILY", bad_vl=code)
    sys.modules.pop("bad_vl", None)
    done = run_wb("run-eval", "--dataset", "demo/test", "--model", str(renamed), "--limit", "1")
    assert done.code == 1
    assert done.err.count("bad-vl 2.0") == 1
    assert said in done.err and "pip uninstall bad-vl" in done.err
    shown = run_wb("models", "show", str(renamed), "--json")
    assert shown.code == 0
    assert run_wb("models", "show", "demo", "--json").json["problem"] == ""
    sys.modules.pop("bad_vl", None)


def test_a_reader_that_fails_is_told_with_its_package(package, tmp_path, run_wb):
    code = (
        "class R:\n    columns = ('id', 'question')\n    label_words = {}\n"
        "    def scan(self, columns=None):\n        raise KeyError('inside')\n"
        "    def close(self):\n        pass\n"
        "def f(file, options, needed):\n    return R()\n"
        "def g(file, options, needed):\n    raise ValueError('at once')\n"
    )
    package("bad-rows", "reader", "rowy = rowy:f", "rowz = rowy:g", "rowq = none:x", rowy=code)
    for ending, said in (("rowy", "'inside'"), ("rowz", "at once"), ("rowq", "No module")):
        (tmp_path / f"t.{ending}").write_text("x")
        done = run_wb("data", "add", "d", str(tmp_path / f"t.{ending}"), "--text", "question")
        assert done.code == 1
        assert f"'{ending}' of the package bad-rows 2.0" in done.err and said in done.err


def test_the_listing_tells_what_is_wrong_with_each(package, run_wb):
    package("one", "metric", "same = one_mod:f", "cider = one_mod:f", one_mod="def f(t): return []")
    package("two", "metric", "same = one_mod:f")
    package("torn", "reader", "a line without its sign")
    package("bad", "reader", "bad = bad_mod2:f", bad_mod2=RAISES)
    done = run_wb("plugins", "list", "--json")
    assert done.code == 0
    told = {(p["package"], p["name"]): p["problem"] for p in done.json}
    assert "one, two all register a metric 'same'" in told["one", "same"] == told["two", "same"]
    assert "goes before" in told["one", "cider"]
    assert "entry_points.txt is damaged" in told["torn", ""]
    assert "wants numpy 9" in told["bad", "bad"]
