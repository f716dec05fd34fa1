"""The text metrics against literal values that their reference programs printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.evaluation.metrics.text import coco
from workbench.evaluation.metrics.text.bertscore import bertscore
from workbench.evaluation.metrics.text.distinct import distinct
from workbench.evaluation.metrics.text.hf_evaluate import evaluate_metric
from workbench.evaluation.metrics.text.meteor import meteor
from workbench.evaluation.metrics.text.ptb import ptb_tokens
from workbench.evaluation.metrics.text.registry import DEFAULT, METRICS, TextPairs, score_texts

HERE = Path(__file__).parent
PTB = json.loads((HERE / "ptb_reference.json").read_text(encoding="utf-8"))["cases"]
COCO = json.loads((HERE / "coco_reference.json").read_text(encoding="utf-8"))
ANSWERS = [ptb_tokens(text) for text in COCO["answers"]]
REFERENCES = [[ptb_tokens(text) for text in refs] for refs in COCO["references"]]


@pytest.mark.parametrize(("text", "tokens"), PTB)
def test_tokens_are_those_of_the_java_tokenizer(text, tokens):
    assert ptb_tokens(text) == tokens


def test_bleu_rouge_and_cider_equal_pycocoevalcap():
    for scored, value in zip(coco.bleu(ANSWERS, REFERENCES), COCO["bleu"], strict=True):
        assert scored.value == pytest.approx(value, abs=1e-9), scored.name
    rouge, cider = coco.rouge_l(ANSWERS, REFERENCES), coco.cider(ANSWERS, REFERENCES)
    assert rouge.features[:, 0] == pytest.approx(COCO["rouge_l_each"], abs=1e-9)
    assert cider.features[:, 0] == pytest.approx(COCO["cider_each"], abs=1e-9)
    assert rouge.value == pytest.approx(COCO["rouge_l"], abs=1e-9)
    assert cider.value == pytest.approx(COCO["cider"], abs=1e-9)


def test_a_resample_scores_as_the_repeated_answers_do():
    drawn = [0, 0, 3, 7, 9, 9, 9]
    counts = np.bincount(drawn, minlength=len(ANSWERS)).astype(float)
    again = [ANSWERS[i] for i in drawn], [REFERENCES[i] for i in drawn]
    for scored, alone in zip(coco.bleu(ANSWERS, REFERENCES), coco.bleu(*again), strict=True):
        assert scored.score((counts @ scored.features)[None])[0] == pytest.approx(alone.value)
    rouge = coco.rouge_l(ANSWERS, REFERENCES)
    whole = rouge.score((counts @ rouge.features)[None])[0]
    assert whole == pytest.approx(coco.rouge_l(*again).value)


def test_cider_of_one_image_is_undefined_and_not_zero():
    scored = coco.cider(ANSWERS[:1], REFERENCES[:1])
    assert scored.value is None and "2 images" in scored.reason


def test_no_answers_have_no_scores():
    for scored in score_texts(TextPairs([], []), DEFAULT):
        assert scored.value is None, scored.name


# nltk's own documented values, with WordNet; without it these pairs share no synonym that counts.
GUIDE = (
    "it is a guide to action which ensures that the military always obeys the commands of the party"
)
GUIDES = (
    "it is a guide to action that ensures that the military will forever heed party commands",
    "it is the guiding principle which guarantees the military forces always being under the "
    "command of the party",
    "it is the practical guide for the army always to heed the directions of the party",
)


def test_meteor_without_wordnet_says_so_in_its_name(monkeypatch):
    import nltk

    monkeypatch.setattr("workbench.evaluation.metrics.text.meteor.wordnet", lambda: None)
    scored = meteor([GUIDE.split()], [[text.split() for text in GUIDES]])
    assert scored.name == "meteor_exact_stem" and "without WordNet" in scored.definition
    assert scored.value == pytest.approx(0.6944, abs=5e-5), nltk.__version__


def test_meteor_has_its_own_name_where_wordnet_is(monkeypatch):
    class Synonyms:
        """A WordNet of one pair of words."""

        def synsets(self, word):
            return [self] if word in ("sofa", "couch") else []

        def lemmas(self):
            return [Name("sofa"), Name("couch")]

    class Name:
        def __init__(self, name):
            self._name = name

        def name(self):
            return self._name

    pair = [["a", "red", "sofa"]], [[["a", "red", "couch"]]]
    monkeypatch.setattr("workbench.evaluation.metrics.text.meteor.wordnet", Synonyms)
    with_synonyms = meteor(*pair)
    monkeypatch.setattr("workbench.evaluation.metrics.text.meteor.wordnet", lambda: None)
    assert with_synonyms.name == "meteor"
    # Three matches in one chunk: (1 - 0.5 / 27) of 1.
    assert with_synonyms.value == pytest.approx(1 - 0.5 / 27)
    assert meteor(*pair).value < with_synonyms.value


def test_distinct_counts_the_grams_of_all_answers_together():
    answers = [["a", "red", "bus"], ["a", "red", "car"]]
    assert distinct(answers, 1).value == pytest.approx(4 / 6)
    assert distinct(answers, 2).value == pytest.approx(3 / 4)
    assert distinct([["a"]], 2).value is None


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A small BERT of the real class, with a tokenizer of its own."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("scorer") / "small-bert"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "bus", "car", "on", "street"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_bertscore_equals_greedy_matching_written_out(bert):
    import torch
    from transformers import AutoModel, AutoTokenizer

    answers, references = ["a red bus", "a car"], [["a red car", "red bus"], ["a car"]]
    scored = bertscore(answers, references, model=str(bert))
    tokenizer, model = AutoTokenizer.from_pretrained(bert), AutoModel.from_pretrained(bert).eval()

    def embed(text):
        with torch.no_grad():
            found = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return torch.nn.functional.normalize(found, dim=-1)

    def f1(answer, reference):
        table = embed(answer) @ embed(reference).T
        # The special tokens have an idf of 0.
        inner = table[1:-1, :]
        precision = inner.max(dim=1).values.mean()
        recall = table[:, 1:-1].max(dim=0).values.mean()
        return float(2 * precision * recall / (precision + recall))

    expected = [max(f1(a, r) for r in refs) for a, refs in zip(answers, references, strict=True)]
    assert scored.features[:, 0] == pytest.approx(expected, abs=1e-5)
    assert scored.features[1, 0] == pytest.approx(1.0, abs=1e-5) and "layer 2" in scored.definition


def test_bertscore_of_nothing_is_undefined_and_of_an_empty_answer_0(bert):
    assert bertscore([], [], model=str(bert)).estimate().reason == "no samples"
    scored = bertscore(
        ["", "a red bus", " "], [["a car"], ["a red bus", ""], [""]], model=str(bert)
    )
    assert scored.features[:, 0] == pytest.approx([0, 1, 0], abs=1e-5)
    assert bertscore([""], [["a car"]], model=str(bert)).value == 0


def test_bertscore_that_fails_leaves_the_other_figures(bert, tmp_path):
    broken = tmp_path / "broken-bert"
    broken.mkdir()
    for file in bert.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "model.safetensors").write_bytes(b"no weights")
    scored = bertscore(["a red bus"], [["a car"]], model=str(broken))
    assert scored.value is None and scored.reason.startswith("bert-score failed: ")


def test_bertscore_without_a_model_is_undefined_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    scored = bertscore(["a"], [["a"]], model="nobody/has-this")
    assert scored.value is None and "nobody/has-this" in scored.reason


def test_bertscore_reads_no_pickled_weights(bert, tmp_path):
    import shutil

    folder = tmp_path / "pickled"
    shutil.copytree(bert, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    scored = bertscore(["a"], [["a"]], model=str(folder))
    assert scored.value is None and "safetensors" in scored.reason


METRIC = """
import datasets
import evaluate


class Length(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions, references):
        pairs = list(zip(predictions, references))
        return {"longer": sum(len(p) > len(r) for p, r in pairs) / len(pairs)}
"""


def test_a_metric_of_the_evaluate_library_is_taken_from_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = tmp_path / "length"
    folder.mkdir()
    (folder / "length.py").write_text(METRIC)
    (scored,) = evaluate_metric(str(folder), ["long answer", "a"], [["short"], ["longer"]])
    assert (scored.name, scored.value) == ("evaluate:length", 0.5)


def test_a_metric_that_cannot_be_loaded_is_undefined_with_the_reason(tmp_path):
    (scored,) = evaluate_metric(str(tmp_path / "none"), ["a"], [["a"]])
    assert scored.value is None and scored.reason


def test_a_name_that_is_no_metric_is_refused_with_the_list():
    with pytest.raises(ValueError, match="there is no metric 'blue'") as caught:
        score_texts(TextPairs(["a"], [["a"]]), ["blue"])
    assert all(name in str(caught.value) for name in METRICS)


def test_naming_metrics_loads_no_model_library():
    import subprocess

    code = (
        "import sys; from workbench.evaluation.metrics.text.registry import unknown; "
        "unknown(['cider', 'evaluate:x']); "
        "print([m for m in ('torch', 'transformers', 'nltk', 'evaluate', 'bert_score') "
        "if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
