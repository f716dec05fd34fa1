"""What a table most likely means, from the names that the field gives to its columns.

Guarantee: a guess only fills what the user left open, and `wb data add` prints each; nothing is
guessed again once the mapping is saved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from workbench.sample import Task

IDS = (
    *("id", "uid", "identifier", "pairid", "pair_id", "question_id", "sample_id", "example_id"),
    *("index", "key", "__key__"),
)
IMAGES = (
    *("image", "img", "image_path", "img_path", "file_name", "filename", "filepath", "path"),
    *("images", "images_file_names", "file_names", "image_name", "imagename", "img_name"),
    *("image_file", "img_file"),
)
WEB_IMAGES = ("jpg", "jpeg", "png", "webp")  # WebDataset's columns are endings
PAIRS = (
    *(("image0", "image1"), ("image_0", "image_1"), ("left_image", "right_image")),
    *(("image1", "image2"), ("image_left", "image_right"), ("left_url", "right_url")),
)
URLS = ("image_url", "img_url", "url", "coco_url")
TEXTS = (
    *("sentence", "statement", "hypothesis", "question", "caption", "text", "prompt"),
    "expression",
)
# How referring expressions are called; taken for them only beside boxes.
EXPRESSIONS = ("phrase", "referring_expression", "refexp", "ref_exp", "sent", "description")
HINT = "hint"  # a text that rows may lack
SHORT_QUESTIONS = ("q", "query", "ques")  # only where no column has a text's whole name
LABELS = (
    *("label", "gold_label", "answer", "target", "class", "cls", "gt_answer", "ground_truth"),
    *("correct_answer", "answer_idx", "answer_index", "correct_choice_idx"),
)
SHORT_LABELS = ("gt", "gold", "ans", "lbl")  # only where no column has a label's whole name
# What is called by a number in one column and by its name in another: class_id, class_name.
CLASSES = ("class", "label", "category", "target", "finelabel", "cls")
_BESIDE_NAMES = {"caption", "text", "prompt"}
REASONS = ("explanation", "exp", "rationale", "reason")
REFERENCES = ("answers", "references", "captions")
ORDERS = (
    *(("true", "false"), ("yes", "no"), ("entailment", "neutral", "contradiction")),
    ("positive", "negative"),
)
_VERDICTS = ({"true", "false"}, {"yes", "no"}, {"0", "1"})
MAX_LABELS = 32  # more different words are answers, not classes


def guess_id(columns: Sequence[str]) -> str:
    """The id column, or "hash" where none is called like one."""
    return _first(columns, IDS) or "hash"


def guess_texts(columns: Sequence[str]) -> dict[str, str]:
    """The texts by role; `text` and the like are only taken where nothing better is there."""
    found = {name: _first(columns, (name,)) for name in TEXTS}
    if not any(found.values()) and _first(columns, ("txt",)):  # WebDataset's captions
        return {"caption": _first(columns, ("txt",))}
    if not any(found.values()) and (short := _first(columns, SHORT_QUESTIONS)):
        return {"question": short}
    better = {r: c for r, c in found.items() if c and r not in ("text", "prompt")}
    # MMBench, ScienceQA: what is to be known beside a multiple choice.
    if "question" in better and guess_options(columns) and (hint := _first(columns, (HINT,))):
        better[HINT] = hint
    return better or {role: column for role, column in found.items() if column}


def guess_expression(columns: Sequence[str]) -> dict[str, str]:
    """The phrase whose boxes a table has, where none of its texts is called otherwise."""
    found = _first(columns, EXPRESSIONS)
    return {"expression": found} if found else {}


def is_captioned_folder(columns: Sequence[str], texts: Mapping[str, str]) -> bool:
    """Whether a table is an image folder's metadata with captions: `file_name` and `text`."""
    named = set(texts) == {"text"} and bool(_first(columns, ("file_name",)))
    return named and not guess_label(columns)


def guess_label(columns: Sequence[str]) -> str:
    """The label column, or nothing; one letter counts where no other letter says it is more.

    `a` is an answer beside a question, not beside options (`a`, `b`, …); `y` is no label beside
    `x`, which are the places of a point.
    """
    if found := _first(columns, (*LABELS, *SHORT_LABELS)):
        return found
    answer = "" if _first(columns, ("b",)) else _first(columns, ("a",))
    if answer and "question" in guess_texts(columns):
        return answer
    return "" if _first(columns, ("x",)) else _first(columns, ("y",))


def guess_class_names(columns: Sequence[str], texts: Iterable[str], label: str) -> tuple[str, str]:
    """The column with the names of classes, and that with their numbers; empty for none.

    `class_name`, `label_text` and the like are names wherever no question is asked; `category` is
    one only beside `category_id`, where there is no text at all.

    Args:
        columns: All of them.
        texts: The roles of the texts.
        label: The label's column by its own name, which the names are held against.
    """
    texts = set(texts)
    plain = {re.sub(r"[\s_-]", "", column.lower()): column for column in reversed(columns)}
    names = (f"{base}{end}" for base in CLASSES for end in ("name", "text", "str"))
    name = next((plain[word] for word in names if word in plain), "")
    numbers = (f"{base}{end}" for base in CLASSES for end in ("id", "idx", "index", ""))
    number = label or next((plain[word] for word in numbers if word in plain), "")
    if name:
        return (name, "" if number == name else number) if texts <= _BESIDE_NAMES else ("", "")
    category, own = plain.get("category", ""), plain.get("categoryid", "")
    alone = not texts and not label and not guess_expression(columns)
    return (category, own) if category and own and alone else ("", "")


def guess_images(columns: Sequence[str]) -> tuple[str, ...]:
    """The image columns: a pair where there is one, else a single one, else one of URLs."""
    numbered = [c for c in columns if re.fullmatch(r"(?i)(?:image|img)_?\d+", c)]
    if len(numbered) > 2 or any("_1" in c for c in numbered):
        return tuple(sorted(numbered, key=lambda c: int(re.sub(r"\D", "", c))))
    for pair in PAIRS:
        names = tuple(_first(columns, (name,)) for name in pair)
        if all(names):
            return names
    single = _first(columns, IMAGES) or _first(columns, URLS) or _first(columns, WEB_IMAGES)
    return (single,) if single else ()


def guess_explanations(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns with explanations: `explanation`, `exp`, or `Explanation_1` and so on."""
    single = _first(columns, REASONS)
    numbered = [c for c in columns if re.fullmatch(r"(?i)explanation_?\d+", c)]
    return (single,) if single else tuple(sorted(numbered))


def guess_references(columns: Sequence[str]) -> tuple[str, ...]:
    """The column of further answers or captions."""
    found = _first(columns, REFERENCES)
    return (found,) if found else ()


def guess_options(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of a multiple choice: A, B, …; option_a, …; choice_1, …; or one of lists."""
    for pattern in (r"([A-Z])", r"(?i)option[_ ]?([a-z]|\d)", r"(?i)choice[_ ]?([a-z]|\d)"):
        found = [column for column in columns if re.fullmatch(pattern, column)]
        if len(found) > 1 and found[0][-1] in "Aa01":
            return tuple(found)
    single = _first(columns, ("choices", "options"))
    return (single,) if single else ()


ROLE_OF = {
    "statement": "sentence",
    "question": "question",
    "entailment": "hypothesis",
    "grounding": "expression",
}


def role_for(task: Task, roles: Iterable[str]) -> dict[str, str]:
    """Old role -> the role that the task's prompts show, where a text has another one."""
    roles, wanted = list(roles), ROLE_OF.get(task)
    if wanted is None or wanted in roles or len(roles) != 1:
        return {}
    return {roles[0]: wanted}


def guess_task(
    roles: Iterable[str], labels: Sequence[str], has_label: bool, has_boxes: bool = False
) -> Task:
    """What is asked of a sample, by the roles of its texts, its labels and its objects' boxes."""
    roles = set(roles)
    if "question" in roles:
        return "question"
    if "expression" in roles and has_boxes and not has_label:
        return "grounding"
    words = {word.lower() for word in labels}
    if "hypothesis" in roles:  # whose prompts ask for entailment, neutral or contradiction
        return "statement" if words in _VERDICTS else "entailment"
    if has_label and words == {"yes", "no"} and roles & {"text", "prompt"}:
        return "question"
    if has_label and words == {"true", "false"} and roles & {"text", "prompt"}:
        return "statement"
    if roles & {"sentence", "statement"} and words <= {"true", "false", "yes", "no", "0", "1"}:
        return "statement"
    if "caption" in roles and words in _VERDICTS:
        return "statement"
    if "caption" in roles and not has_label:
        return "caption"
    return "classification" if has_label else "other"


def order_labels(counts: Mapping[str, int], rows: int) -> tuple[str, ...]:
    """The closed set of label words, in the field's order; empty where the set looks open.

    Args:
        counts: How often each word was seen.
        rows: How many rows were seen.
    """
    words = sorted(counts)
    if len(words) < 2 or len(words) > MAX_LABELS or (rows > 20 and len(words) > rows // 4):
        return ()
    for order in ORDERS:
        if {w.lower() for w in words} == set(order):
            return tuple(sorted(words, key=lambda w: order.index(w.lower())))
    if all(word.isdigit() for word in words):
        return tuple(sorted(words, key=int))
    return tuple(words)


def are_verdicts(labels: Sequence[str]) -> bool:
    """Whether labels are yes and no, or true and false: a closed set also where one asks."""
    return {label.lower() for label in labels} in ({"yes", "no"}, {"true", "false"})


def _first(columns: Sequence[str], names: Sequence[str]) -> str:
    """The first column of one of these names, whatever its case."""
    lower = {column.lower(): column for column in reversed(columns)}
    return next((lower[name] for name in names if name in lower), "")
