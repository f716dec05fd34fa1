"""A sample and an answer full of markup, made without an engine."""

from __future__ import annotations

import io
import re

from PIL import Image

from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.notebook.answers import Said
from workbench.playground.question import question_of
from workbench.playground.record import record_of
from workbench.sample import Answer, ImageRef, Sample, Token

HOSTILE = "<script>alert('1')</script>\x1b[31m\u202e\" onload=x $\\href{a}{b}$"


def png(size=(56, 40), colour="teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "png")
    return out.getvalue()


def hostile_sample(**more) -> Sample:
    return Sample(
        uid=f"evil/test/{HOSTILE}",
        images=(ImageRef(data=png(), name=HOSTILE), ImageRef(data=b"no image", name=HOSTILE)),
        texts={HOSTILE: HOSTILE},
        label=HOSTILE,
        references=(HOSTILE, HOSTILE + "2"),
        explanations=(HOSTILE,),
        metadata={HOSTILE: [HOSTILE]},
        labels=(HOSTILE, "no"),
        **more,
    )


def said(text=HOSTILE, sample=None, **more) -> Said:
    """An answer as `ask` gives it, without an engine."""
    sample = sample or hostile_sample()
    spec = ModelSpec(model=HOSTILE, adapter=HOSTILE)
    question = question_of(sample, spec=spec, decoding=Decoding(), text=HOSTILE)
    tokens = tuple(
        Token(n, piece, -0.5 * n, ((piece, -0.5 * n), (HOSTILE, -3.0)))
        for n, piece in enumerate(re.findall(r"\S+\s*|\s+", text))
    )
    answer = Answer(text, tokens, label_scores={HOSTILE: -1.0, "no": -2.0})
    return Said(**vars(answer), question=question, record=record_of(question, answer), **more)
