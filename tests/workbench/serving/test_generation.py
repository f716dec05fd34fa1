"""Answers do not depend on their batch, and agree with transformers where it can be asked."""

from __future__ import annotations

import pytest
import torch

from tests.workbench.models.tiny import ask, mixed_conversations, picture
from workbench.errors import ImageError, ModelError, PromptTooLong
from workbench.inference.batch import LiveBatch, prefill
from workbench.inference.decoding import Decoding
from workbench.inference.generate import Request, admit, generate, score_labels, stream
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, ImageRef, Token


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(((a - b).abs().max() / b.abs().max()).detach())


def reference(loaded, conversation, **kwargs) -> list[int]:
    """The new tokens of a bare `model.generate` at batch size 1."""
    batch = loaded.family.encode(loaded, [conversation])
    inputs = {k: v for k, v in batch.inputs.items() if k != "position_ids"}
    out = loaded.model.generate(**inputs, pad_token_id=0, eos_token_id=2, **kwargs)
    return out[0, batch.input_ids.shape[1] :].tolist()


@pytest.mark.parametrize("size", [2, 5, 8])
def test_every_answer_position_has_the_logits_of_batch_size_one(tiny, size):
    conversations = mixed_conversations()[:size]
    answers = ["true false yes no one two maybe"] * size
    batch = tiny.family.encode(tiny, conversations, answers=answers)
    together = tiny.model(**batch.inputs).logits
    for row, conversation in enumerate(conversations):
        one = tiny.family.encode(tiny, [conversation], answers=[answers[row]])
        alone = tiny.model(**one.inputs).logits[0]
        start, stop = batch.answer_spans[row]
        first, last = one.answer_spans[0]
        assert last - first == stop - start > 3
        assert relative(together[row, start - 1 : stop], alone[first - 1 : last]) < 1e-4


def test_cached_steps_have_the_logits_of_one_forward_over_the_whole_text(tiny):
    conversations = mixed_conversations()
    live = LiveBatch(tiny)
    rows = admit(live, [Request(c, Decoding(max_new_tokens=6)) for c in conversations])
    steps = []
    while live.rows:
        steps.append(live._state.logits.clone())
        live.pick()
        live.advance()
    for row, conversation in enumerate(conversations):
        one = tiny.family.encode(tiny, [conversation])
        ids = torch.tensor([[t.id for t in rows[row].tokens]])
        state = prefill(tiny, one)
        inputs = {k: v for k, v in one.inputs.items() if k not in ("position_ids",)}
        inputs["input_ids"] = torch.cat([one.input_ids, ids], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        kinds = inputs["mm_token_type_ids"]
        inputs["mm_token_type_ids"] = torch.cat([kinds, torch.zeros_like(ids)], dim=1)
        whole = tiny.model(**inputs).logits[0, one.lengths[0] - 1 :]
        assert relative(state.logits[0], whole[0]) < 1e-4
        for step, logits in enumerate(steps):
            assert relative(logits[row], whole[step]) < 1e-4


def test_greedy_agrees_with_generate_of_transformers(tiny):
    conversations = mixed_conversations()
    answers = generate(tiny, conversations, Decoding(max_new_tokens=12))
    for conversation, answer in zip(conversations, answers, strict=True):
        expected = reference(tiny, conversation, max_new_tokens=12, do_sample=False)
        assert [t.id for t in answer.tokens] == [i for i in expected if i != 2]


def test_repetition_penalty_agrees_with_generate_in_a_padded_batch(tiny):
    conversations = mixed_conversations()
    answers = generate(tiny, conversations, Decoding(max_new_tokens=12, repetition_penalty=1.7))
    plain = generate(tiny, conversations, Decoding(max_new_tokens=12))
    assert [a.text for a in answers] != [a.text for a in plain]
    for conversation, answer in zip(conversations, answers, strict=True):
        expected = reference(
            tiny, conversation, max_new_tokens=12, do_sample=False, repetition_penalty=1.7
        )
        assert [t.id for t in answer.tokens] == [i for i in expected if i != 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "knobs",
    [
        {"temperature": 0.7},
        {"temperature": 1.3, "top_k": 5},
        {"temperature": 1.0, "top_p": 0.6},
        {"temperature": 1.0, "min_p": 0.2},
        {"temperature": 1.5, "top_k": 40, "top_p": 0.9, "min_p": 0.02, "repetition_penalty": 1.2},
    ],
)
def test_draws_come_from_the_distribution_that_generate_would_sample(tiny, knobs):
    conversation = ask("one", picture())
    batch = tiny.family.encode(tiny, [conversation])
    inputs = {k: v for k, v in batch.inputs.items() if k != "position_ids"}
    out = tiny.model.generate(
        **inputs,
        **{"top_k": 0} | knobs,
        do_sample=True,
        max_new_tokens=1,
        pad_token_id=0,
        eos_token_id=2,
        output_scores=True,
        return_dict_in_generate=True,
    )
    wanted = torch.softmax(out.scores[0][0].double(), -1)
    draws = 4000
    state = prefill(tiny, batch)
    counts = torch.zeros_like(wanted)
    from workbench.inference.sampler import Sampler, choose

    history = batch.input_ids[0]
    samplers = [Sampler(Decoding(seed=seed, **knobs)) for seed in range(draws)]
    ids = choose(state.logits.expand(draws, -1), samplers, [history] * draws)
    counts.scatter_add_(0, ids, torch.ones(draws, dtype=torch.float64))
    assert not counts[wanted == 0].any()  # nothing that is cut off is ever drawn
    distance = 0.5 * (counts / draws - wanted).abs().sum()  # total variation
    expected_noise = 0.5 * (wanted * (1 - wanted) / draws).sqrt().sum()
    assert distance < 2 * expected_noise + 0.01


@pytest.mark.slow
def test_same_seed_same_answer_at_batch_size_eight_and_one(tiny):
    conversations = mixed_conversations()
    knobs = [
        Decoding(temperature=1.5, top_p=0.95, seed=seed, max_new_tokens=16) for seed in range(8)
    ]
    together = generate(tiny, conversations, knobs)
    alone = [generate(tiny, [c], k)[0] for c, k in zip(conversations, knobs, strict=True)]
    assert [a.text for a in together] == [a.text for a in alone]
    assert len({a.text for a in together}) == 8
    again = generate(tiny, conversations[:1], Decoding(temperature=1.5, seed=99, max_new_tokens=16))
    assert again[0].text != alone[0].text


def test_rows_with_other_knobs_do_not_disturb_each_other(tiny):
    conversations = mixed_conversations()[:4]
    knobs = [
        Decoding(max_new_tokens=9),
        Decoding(temperature=1.2, top_k=7, seed=3, max_new_tokens=4),
        Decoding(temperature=0.9, min_p=0.05, seed=3, max_new_tokens=14),
        Decoding(repetition_penalty=1.4, max_new_tokens=2),
    ]
    together = generate(tiny, conversations, knobs)
    for conversation, knob, answer in zip(conversations, knobs, together, strict=True):
        assert generate(tiny, [conversation], knob)[0].text == answer.text
        assert len(answer.tokens) == knob.max_new_tokens


@pytest.mark.slow
def test_a_row_that_joins_later_answers_as_if_alone(tiny):
    conversations = mixed_conversations()
    knobs = Decoding(temperature=1.4, seed=5, max_new_tokens=10)
    alone = [generate(tiny, [c], knobs)[0] for c in conversations]
    live = LiveBatch(tiny)
    rows = {}
    waiting = list(enumerate(conversations))
    while waiting or live.rows:
        if waiting:  # one more joins at each step, of another length
            index, conversation = waiting.pop(0)
            (rows[index],) = admit(live, [Request(conversation, knobs)])
        live.pick()
        live.advance()
    answers = [rows[i].answer() for i in range(len(conversations))]
    assert [a.text for a in answers] == [a.text for a in alone]
    for one, other in zip(answers, alone, strict=True):
        assert [t.logprob for t in one.tokens] == pytest.approx(
            [t.logprob for t in other.tokens], abs=1e-4
        )


def test_logprobs_are_the_models_own_whatever_the_knobs(tiny):
    conversation = mixed_conversations()[4]
    knobs = Decoding(
        temperature=2.0, top_k=3, repetition_penalty=1.5, seed=1, max_new_tokens=5, top_logprobs=4
    )
    (answer,) = generate(tiny, [conversation], knobs)
    one = tiny.family.encode(tiny, [conversation])
    ids = torch.tensor([[t.id for t in answer.tokens]])
    state = prefill(tiny, one)
    from workbench.inference.batch import forward

    logits = torch.cat([state.logits[:, None], forward(tiny, state, ids[:, :-1])], dim=1)[0]
    logprobs = torch.log_softmax(logits, -1)
    for position, token in enumerate(answer.tokens):
        assert token.logprob == pytest.approx(float(logprobs[position, token.id]), abs=1e-4)
        best = logprobs[position].topk(4)
        assert [v for _, v in token.top] == pytest.approx(best.values.tolist(), abs=1e-4)
        assert [t for t, _ in token.top] == [tiny.piece(i) for i in best.indices.tolist()]


def test_beams_agree_with_generate_and_score_at_least_as_well_as_greedy(tiny):
    conversation = ask("a red", picture(64, 48, 3))
    (beam,) = generate(tiny, [conversation], Decoding(num_beams=4, max_new_tokens=8))
    expected = reference(tiny, conversation, num_beams=4, max_new_tokens=8, do_sample=False)
    assert [t.id for t in beam.tokens] == [i for i in expected if i not in (0, 2)]
    (greedy,) = generate(tiny, [conversation], Decoding(max_new_tokens=8))
    total = {name: sum(t.logprob for t in a.tokens) for name, a in (("b", beam), ("g", greedy))}
    assert total["b"] >= total["g"] - 1e-4


def test_stream_gives_the_tokens_of_the_batch_then_the_answer(tiny):
    conversation = mixed_conversations()[0]
    knobs = Decoding(temperature=1.0, seed=4, max_new_tokens=7)
    events = list(stream(tiny, conversation, knobs))
    assert all(isinstance(e, Token) for e in events[:-1])
    assert isinstance(events[-1], Answer)
    assert events[-1].tokens == tuple(events[:-1])
    assert events[-1].text == generate(tiny, [conversation], knobs)[0].text
    assert events[-1].finish_reason == "length"
    assert 0 < events[-1].timing.first_token_s <= events[-1].timing.total_s


def test_a_stop_string_ends_the_answer_before_it(tiny):
    conversation = mixed_conversations()[1]
    knobs = Decoding(temperature=1.5, seed=2, max_new_tokens=30)
    (free,) = generate(tiny, [conversation], knobs)
    stop = free.text[7:10]  # falls across tokens
    at = free.text.find(stop)
    knobs = Decoding(temperature=1.5, seed=2, max_new_tokens=30, stop=("never said", stop))
    (stopped,) = generate(tiny, [conversation], knobs)
    assert stopped.text == free.text[:at]
    assert stopped.finish_reason == "stop"
    assert len(stopped.tokens) < len(free.tokens)


def test_what_is_visible_while_streaming_never_has_to_be_taken_back(tiny):
    conversation = mixed_conversations()[1]
    knobs = Decoding(temperature=1.5, seed=2, max_new_tokens=30)
    (free,) = generate(tiny, [conversation], knobs)
    stop = (free.text[9:13],)
    live = LiveBatch(tiny)
    knobs = Decoding(temperature=1.5, seed=2, max_new_tokens=30, stop=stop)
    (row,) = admit(live, [Request(conversation, knobs)])
    shown = ""
    while live.rows:
        live.pick()
        assert row.visible().startswith(shown)
        shown = row.visible()
        live.advance()
    assert shown == row.answer().text
    assert stop[0] not in shown


def test_cancelling_stops_before_the_next_token(tiny):
    seen = []
    for event in stream(
        tiny, ask("one"), Decoding(max_new_tokens=50), cancelled=lambda: len(seen) >= 3
    ):
        seen.append(event)
    assert len(seen) == 4
    assert seen[-1].finish_reason == "cancelled"
    assert len(seen[-1].tokens) == 3


def test_a_prompt_longer_than_the_context_names_both_lengths(tiny):
    with pytest.raises(PromptTooLong, match=r"\d{4} tokens.*1024"):
        generate(tiny, [ask("one " * 3000)], Decoding())
    with pytest.raises(PromptTooLong, match="2000 new.*1024"):
        generate(tiny, [ask("one")], Decoding(max_new_tokens=2000))


def test_a_bad_row_fails_alone_where_errors_are_returned(tiny):
    good = mixed_conversations()[:2]
    broken = ask("what is this?", ImageRef(data=b"no image", name="broken.png"))
    rows = [good[0], broken, good[1], ask("one " * 3000)]
    with pytest.raises(ImageError):
        generate(tiny, rows, Decoding(max_new_tokens=3))
    out = generate(tiny, rows, Decoding(max_new_tokens=3), return_errors=True)
    assert [type(o) for o in out] == [Answer, ImageError, Answer, PromptTooLong]
    assert out[0].text == generate(tiny, good[:1], Decoding(max_new_tokens=3))[0].text


@pytest.mark.slow
@pytest.mark.parametrize("end_of_turn", [False, True])
def test_label_scores_agree_with_a_plain_loop_of_single_forwards(tiny, end_of_turn):
    conversations = mixed_conversations()
    labels = ["true", "false", "maybe it is", "maybe it was", "maybe", "yes", "é", ""]
    scores = score_labels(tiny, conversations, labels, end_of_turn=end_of_turn)
    for conversation, row in zip(conversations, scores, strict=True):
        for label in labels:
            batch = tiny.family.encode(
                tiny, [conversation], answers=[label], end_of_turn=end_of_turn
            )
            logprobs = torch.log_softmax(tiny.model(**batch.inputs).logits[0], -1)
            start, stop = batch.answer_spans[0]
            expected = sum(
                float(logprobs[column - 1, batch.input_ids[0, column]])
                for column in range(start, stop)
            )
            assert row[label] == pytest.approx(expected, rel=1e-4)


def rows_read(model, labels):
    """How many rows each forward reads to score labels after two prompts."""
    seen = []
    handle = model.base.register_forward_hook(
        lambda module, args, kwargs, out: seen.append(tuple(kwargs["input_ids"].shape)),
        with_kwargs=True,
    )
    try:
        score_labels(model, mixed_conversations()[:2], labels)
    finally:
        handle.remove()
    return seen[1:]  # behind the prompts' own


def test_labels_of_one_token_are_scored_by_the_pass_over_the_prompt_alone(tiny):
    one, other = ([i] for i in tiny.tokenizer("ab", add_special_tokens=False)["input_ids"][:2])
    words = [tiny.tokenizer.decode(ids) for ids in (one, other)]
    assert all(len(tiny.tokenizer(w, add_special_tokens=False)["input_ids"]) == 1 for w in words)
    assert rows_read(tiny, words) == []
    # Beside them the one label of several tokens is read behind each of the two prompts.
    ((rows, _),) = rows_read(tiny, [*words, "maybe it is"])
    assert rows == 2


def test_labels_that_differ_in_their_last_token_are_scored_by_one_row(tiny):
    ids = tiny.tokenizer("maybe it is", add_special_tokens=False)["input_ids"]
    for shorter in range(2, len(ids)):
        assert tiny.tokenizer.decode(ids[:shorter])
    alike = [tiny.tokenizer.decode(ids[:n]) for n in range(2, len(ids) + 1)]
    back = [tiny.tokenizer(text, add_special_tokens=False)["input_ids"] for text in alike]
    assert back == [ids[:n] for n in range(2, len(ids) + 1)]
    assert rows_read(tiny, alike) == [(2, len(ids) - 1)]


def test_generate_reports_label_scores_and_answers_as_without(tiny):
    conversations = mixed_conversations()[:3]
    knobs = Decoding(max_new_tokens=4)
    plain = generate(tiny, conversations, knobs)
    scored = generate(tiny, conversations, knobs, labels=["true", "false no"])
    assert [a.text for a in scored] == [a.text for a in plain]
    expected = score_labels(tiny, conversations, ["true", "false no"])
    for answer, scores in zip(scored, expected, strict=True):
        assert answer.label_scores == pytest.approx(scores, abs=1e-5)


def test_each_request_of_a_batch_gets_the_label_scores_that_it_asked_for(tiny):
    conversations = mixed_conversations()[:3]
    labels = [("true", "no one"), (), ("yes",)]
    live = LiveBatch(tiny)
    rows = admit(
        live,
        [
            Request(c, Decoding(max_new_tokens=2), labels=words)
            for c, words in zip(conversations, labels, strict=True)
        ],
    )
    assert rows[1].label_scores is None
    for row, conversation, words in zip(rows, conversations, labels, strict=True):
        if words:
            (alone,) = score_labels(tiny, [conversation], words)
            assert row.label_scores == pytest.approx(alone, abs=1e-4)


@pytest.fixture
def broken(tiny_folder):
    """A model whose forward computes NaN for one prompt, as fp16 does that overflows."""
    model = load_model(ModelSpec(str(tiny_folder), device="cpu"))
    marked = set(model.tokenizer("猫", add_special_tokens=False)["input_ids"])

    def poison(module, args, kwargs, output):
        ids = kwargs["input_ids"]
        bad = torch.tensor([bool(marked & set(row.tolist())) for row in ids])
        output.logits[bad] = float("nan")

    handle = model.base.register_forward_hook(poison, with_kwargs=True)
    yield model
    handle.remove()


@pytest.mark.parametrize(
    "knobs", [{}, {"temperature": 1.0, "top_k": 3}, {"num_beams": 2}, {"repetition_penalty": 1.3}]
)
def test_logits_that_are_no_numbers_are_an_error_of_their_own_row(broken, knobs):
    decoding = Decoding(max_new_tokens=3, **knobs)
    good, bad = ask("one"), ask("猫")
    with pytest.raises(ModelError, match="no number") as caught:
        generate(broken, [bad], decoding)
    assert caught.value.kind == "non_finite" and caught.value.hint
    with pytest.raises(ModelError, match="no number"):
        list(stream(broken, bad, decoding))
    first, second = generate(broken, [good, bad], decoding, return_errors=True)
    assert first.text == generate(broken, [good], decoding)[0].text
    assert isinstance(second, ModelError) and second.kind == "non_finite"


def test_labels_of_logits_that_are_no_numbers_have_no_score(broken):
    with pytest.raises(ModelError, match="no number"):
        score_labels(broken, [ask("猫")], ["true", "false"])
