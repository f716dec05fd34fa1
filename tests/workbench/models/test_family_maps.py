"""Where each family's images lie: in the prompt, among a layer's rows, and back in pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.workbench.models.family_cases import ANSWER, prompts, raw_inputs
from tests.workbench.models.tiny import ask
from workbench.errors import ModelError, UsageError
from workbench.explain.capture import capture
from workbench.explain.explain import explain, explain_tokens
from workbench.explain.geometry import lay_out
from workbench.explain.prepare import prepare
from workbench.explain.settings import ExplainSettings
from workbench.explain.targets import Target
from workbench.models.base import LoadedModel
from workbench.sample import ImageRef, Message

pytestmark = pytest.mark.slow


def test_image_tokens(name: str, model: LoadedModel) -> None:
    """The map of an image's tokens holds every one that the processor wrote, in its order."""
    if limit := model.family.limits.get("image tokens"):  # it has none to tell, and says so
        with pytest.raises(ModelError, match=limit):
            model.family.image_tokens(model.family.encode(model, prompts(name)), 0)
        return
    batch = model.family.encode(model, prompts(name), answers=[ANSWER] * 5)
    token = model.base.config.image_token_id
    for row, conversation in enumerate(prompts(name)):
        raw = raw_inputs(name, model, conversation)["input_ids"][0].tolist()
        written = (batch.input_ids[row] == token).nonzero()[:, 0].tolist()
        assert len(written) == raw.count(token)
        spans = batch.image_spans[row]
        assert [s.size for s in spans] == [i.load().size for m in conversation for i in m.images]
        mapped = [column for span in spans for column in span.columns]
        newlines = sum(s.grid[0] for s in spans) if name == "llava_next" else 0
        assert len(mapped) + newlines == len(written)
        assert set(mapped) <= set(written) and len(set(mapped)) == len(mapped)
        for span in spans:
            assert span.grid[0] * span.grid[1] == len(span.indices)
        for before, after in zip(spans, spans[1:], strict=False):
            assert max(before.columns) < min(after.columns)


def spotted(size: tuple[int, int], centre: tuple[float, float], side: int) -> ImageRef:
    """Grey but for a white square around `centre`, in shares of width and height."""
    image = Image.new("RGB", size, (90, 90, 90))
    x, y = round(size[0] * centre[0]), round(size[1] * centre[1])
    half = side // 2
    image.paste((255, 255, 255), (x - half, y - half, x + half, y + half))
    out = io.BytesIO()
    image.save(out, "PNG")
    return ImageRef(data=out.getvalue())


def heat_of(loaded: LoadedModel, layer: str, *pictures: ImageRef) -> list[list[np.ndarray]]:
    grids = []
    for picture_ in pictures:
        prompt = ask("one", *([] if is_single(loaded) else [spotted((50, 34), (0.5, 0.5), 2)]))
        prompt = (Message("user", (*prompt[0].parts[:-1], picture_, "one")),)
        prepared = prepare(loaded, prompt, [7], 0)
        found = capture(loaded, prepared, [layer], [(0, Target("logit", 7))], gradients=False)
        grids.append(lay_out(loaded, prepared, layer, found.activations[layer]))
    return grids


def is_single(loaded: LoadedModel) -> bool:
    return "several images" in loaded.family.limits


@pytest.mark.parametrize("centre", [(0.5, 0.2), (0.35, 0.8), (0.64, 0.55)])
def test_patches_are_mapped_to_pixels(
    name: str, model: LoadedModel, centre: tuple[float, float]
) -> None:
    """A square in the second of two images changes most what lies on it, at every layer."""
    size = (96, 64)
    assert model.family.layers(model) or "gradcam" in model.family.limits
    for layer in model.family.layers(model):
        if layer in ("token.layer1", "patch.block1"):
            continue  # attention has mixed the places of a random model by then
        one, none = heat_of(model, layer, spotted(size, centre, 16), spotted(size, (0.5, 0.5), 0))
        change = np.linalg.norm(one[-1] - none[-1], axis=-1)
        if layer == "patch.embed":  # no attention yet: its centre of gravity is the square's
            shares = change / change.sum()
            across, down = (np.arange(n) + 0.5 for n in change.shape[::-1])
            assert shares.sum(0) @ across / len(across) == pytest.approx(centre[0], abs=0.04)
            assert shares.sum(1) @ down / len(down) == pytest.approx(centre[1], abs=0.04)
        row, column = np.unravel_index(change.argmax(), change.shape)
        x, y = (column + 0.5) / change.shape[1], (row + 0.5) / change.shape[0]
        # Within a cell and half of the square, whichever is coarser.
        assert abs(x - centre[0]) <= 0.5 / change.shape[1] + 8 / size[0] + 0.02, (layer, x, y)
        assert abs(y - centre[1]) <= 0.5 / change.shape[0] + 8 / size[1] + 0.02, (layer, x, y)
        if len(one) == 2 and layer.startswith(("patch", "merged")):
            assert np.abs(one[0] - none[0]).max() < 1e-4  # the first image is as it was


def test_gradient_maps(name: str, model: LoadedModel) -> None:
    """At every layer that feeds the answer; the model is left without a gradient."""
    pictures = prompts(name)[3][0].images
    if limit := model.family.limits.get("gradcam"):
        with pytest.raises(ModelError, match=limit):
            explain(model, prompts(name)[3], "true no")
        return
    for layer in model.family.layers(model):
        if layer == "token.layer1":  # the last: nothing reads an image token after it
            with pytest.raises(UsageError, match="the whole map would be cold"):
                explain(model, prompts(name)[3], "true no", method="gradnorm", layer=layer)
            continue
        made = explain(model, prompts(name)[3], "true no", token=1, method="gradnorm", layer=layer)
        assert [image.size for image in made.images] == [p.load().size for p in pictures]
        grids = [image.grid for image in made.images]
        assert all(np.isfinite(grid).all() for grid in grids)
        assert all(grid.max() > 0 for grid in grids), layer
    assert not any(p.grad is not None for p in model.base.parameters())


def test_integrated_gradients_sum_to_the_change_of_the_target(
    name: str, model: LoadedModel
) -> None:
    """Whatever the layout, no share of an attribution is lost on the way to the image."""
    from workbench.explain.explain import blank_pixels
    from workbench.explain.maps import raw_maps

    if "gradcam" in model.family.limits:
        return  # `test_gradient_maps` sees that it says so
    settings = ExplainSettings(method="integrated", layer="patch.embed", target="logit", steps=24)
    prepared = prepare(model, prompts(name)[0], [9], 0)
    blank = blank_pixels(model, prompts(name)[0], prepared, "grey")
    target = [(0, Target("logit", 9))]
    grids, whole = raw_maps(model, prepared, target, settings, baseline=blank)
    start = capture(
        model, prepared, ["patch.embed"], target, pixel_values=blank, gradients=False
    ).scores[0]
    total = float(sum(g.sum() for g in grids[0]))
    assert total == pytest.approx(whole.scores[0] - start, rel=0.1, abs=0.02)


def test_occlusion(name: str, model: LoadedModel) -> None:
    settings = ExplainSettings(method="occlusion", baseline="grey", window=24, stride=24)
    made = explain_tokens(model, prompts(name)[0], "true no yes", settings=settings)
    assert all(one.images[0].size == (40, 40) for one in made)
    # Heat is what speaks for a token: of three, one at least finds some in a random model.
    assert max(float(one.images[0].grid.max()) for one in made) > 0
