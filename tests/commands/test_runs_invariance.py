"""`wb runs invariance` and the comparison of several runs, over records of a few lines."""

from __future__ import annotations

from sessions.runs import Run


def made(rights: str, name: str = "", **config) -> Run:
    head = {"task": "statement", "dataset": "d", "split": "t", "model": "m", **config}
    with Run.create(head, f"key {rights} {name}", total=len(rights)) as run:
        for i, each in enumerate(rights):
            label = {"1": "yes", "0": "no", "?": None}[each]
            line = {"uid": f"d/t/{i}", "target": "yes", "label": label, "text": ""}
            run.append(line | {"correct": each == "1"})
        run.set_state("done", total=len(rights))
    return run


def test_flips_are_counted_and_what_is_right_in_every_order(run_wb):
    run = made("1111", settings_key="own")
    made("1011", variant_of="own", vary="options:1")
    made("1101", variant_of="own", vary="options:2")
    made("1110", variant_of="own", control="blank")  # no change of order
    done = run_wb("runs", "invariance", run.id, "--existing", "--circular", "--json")
    assert done.code == 0, done.err
    rates = {each["name"]: each["flip_rate"]["value"] for each in done.json["variants"]}
    assert rates == {"options:1": 0.25, "options:2": 0.25}
    assert done.json["circular_accuracy"]["value"] == done.json["right_in_all"]["value"] == 0.5
    assert (
        "circular accuracy" in run_wb("runs", "invariance", run.id, "--existing", "--circular").out
    )


def test_a_change_of_accuracy_stands_beside_its_p_value(run_wb):
    run = made("1" * 20, settings_key="own")
    made("1" * 10 + "0" * 10, variant_of="own", vary="images")
    out = run_wb("runs", "invariance", run.id, "--existing").out
    head, row = out.splitlines()[:2]
    assert head.split()[-2:] == ["P", "RUN"] and row.split()[-2] == "0.00195"  # two of 2**10
    assert "over 20 samples" in out


def test_what_is_no_order_is_refused_in_the_words_of_the_flag(run_wb):
    run = made("11", settings_key="own")
    done = run_wb("runs", "invariance", run.id, "--of", "sideways")
    assert done.code == 2 and "--of wants" in done.err
    assert run_wb("runs", "invariance", run.id, "--of", "template").code == 2


def test_several_runs_are_compared_with_the_first_and_the_p_values_adjusted(run_wb):
    first = made("1" * 20, "a")
    second, third = made("1" * 12 + "0" * 8, "b"), made("1" * 13 + "0" * 7, "c")
    done = run_wb("runs", "compare", first.id, second.id, third.id, "--json")
    assert done.code == 0, done.err
    raw = [each["p_value"] for each in done.json["compared"]]
    adjusted = [each["p_holm"] for each in done.json["compared"]]
    assert adjusted == [min(raw) * 2, max(max(raw), min(raw) * 2)]
    assert "P HOLM" in run_wb("runs", "compare", first.id, second.id, third.id).out


def test_a_comparison_says_what_it_could_find_and_when_form_drives_it(run_wb):
    first, second = made("1" * 20, "a"), made("1" * 17 + "???", "b")
    done = run_wb("runs", "compare", first.id, second.id)
    assert "with 80% power" in done.out and "would take about" in done.out
    assert "3 of 3 samples that changed sides are unparsed" in done.out
    assert "of the 17 that can be read in both, 0 are fixed and 0 broken (p 1)" in done.out
    document = run_wb("runs", "compare", first.id, second.id, "--json").json
    assert document["power"]["n"] == 20 and 0 < document["power"]["detectable"] < 1
