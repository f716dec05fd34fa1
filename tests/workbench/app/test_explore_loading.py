"""A model that is being loaded: how far it is, what it takes, giving up; knobs typed with it."""

from __future__ import annotations

import threading
from dataclasses import replace

from tests.workbench.app.explore_bench import FakeEngine, bench
from workbench.errors import ModelError
from workbench.models.spec import ModelSpec


class LoadingEngine(FakeEngine):
    """One that reads its model first, a stage for each time that `stages` is released."""

    STAGES = (
        ("find", 0.0),
        ("memory: 4.4 GB, 23.1 GB free on cuda:0", 0.05),
        ("weights: 1.5 GB of 4.4 GB, 23.1 GB free on cuda:0", 0.28),
        ("hash: model.safetensors", 0.8),
        ("ready", 1.0),
    )

    def __init__(self) -> None:
        super().__init__()
        self.stages = threading.Semaphore(0)
        self.given_up = False

    def chat(self, messages, spec, decoding, *, cancelled=None, on_progress=None, **more):
        for stage, share in self.STAGES:
            while not self.stages.acquire(timeout=0.02):
                if cancelled():
                    self.given_up = True
                    self.words = ()
                    yield from super().chat(messages, spec, decoding, cancelled=cancelled)
                    return
            on_progress(stage, share)
        yield from super().chat(messages, spec, decoding, cancelled=cancelled)


async def test_the_memory_and_the_bytes_read_are_shown_until_the_answer_comes():
    engine = LoadingEngine()
    async with bench((120, 40), engine=engine) as b:
        await b.pilot.press("enter")
        engine.stages.release(2)
        await b.shows("memory: 4.4 GB, 23.1 GB free on cuda:0")
        engine.stages.release()
        await b.shows("weights: 1.5 GB of 4.4 GB")
        assert b.app.engine_state.phase == "loading" and b.app.engine_state.progress == 0.28
        assert "loading 28%" in b.text()
        engine.stages.release(2)
        await b.until(lambda: b.explore.widgets.answer.answer is not None)
        await b.settle()
        assert "of 4.4 GB" not in b.text() and "False." in b.text()


async def test_escape_gives_a_load_up():
    engine = LoadingEngine()
    async with bench((80, 24), engine=engine) as b:
        await b.pilot.press("enter")
        engine.stages.release(3)
        await b.shows("esc gives up")
        await b.press("escape")
        assert engine.given_up and not b.explore.view.asking
        assert "weights:" not in b.text()


async def test_a_model_is_typed_with_its_knobs_and_shown_with_them():
    async with bench((120, 40)) as b:
        await b.press("m")
        await b.press(*"demo --quantization 4bit --quant-type fp4 --max-pixels 9000", "enter")
        assert b.app.spec == replace(
            ModelSpec(), quantization="4bit", quant_type="fp4", image_max_pixels=9000
        )
        assert "4bit" in b.app.model_label and "max-pixels 9000" in b.app.model_label
        await b.press("m")
        await b.press(*"demo --quant-type fp5", "enter")
        await b.shows("fp5")
        assert b.app.spec.quant_type == "fp4", "what is refused changes nothing"


async def test_a_model_that_only_a_hub_may_have_is_told_in_whole_sentences(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    async with bench((80, 24)) as b:
        await b.press("m")
        await b.type("own/nosuch")
        await b.press("enter")
        await b.until(lambda: b.app.spec.model == "own/nosuch")
        await b.shows("own/nosuch is not on this machine: it would be fetched from the hub")
        said = b.app.status_line.kept[-1]
        assert "which was not asked" in said and said.endswith("asking nosuch from now on")


async def test_kernels_that_are_not_there_are_told_with_the_reason():
    engine = FakeEngine()
    engine.error = ModelError(
        "--attention flash_attention_2 cannot be used: the package flash-attn is not installed",
        hint="--attention sdpa is torch's own",
        kind="unsupported",
    )
    async with bench((120, 40), engine=engine) as b:
        await b.pilot.press("enter")
        await b.shows("flash-attn is not installed")
        await b.shows("--attention sdpa")
