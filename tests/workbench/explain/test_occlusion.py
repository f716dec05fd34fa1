"""Occlusion and the measures of truth, against brute force and planted places."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.workbench.models.tiny import ask, picture
from workbench.errors import UsageError
from workbench.explain.blank import BLANKS, blank, local_blank
from workbench.explain.explain import explain
from workbench.explain.faithfulness import curves, rank
from workbench.explain.occlusion import spread, windows
from workbench.explain.pointing import box_share, in_box, pointing, points_at
from workbench.explain.prepare import answer_tokens
from workbench.explain.result import Explanation, heat_maps
from workbench.explain.settings import ExplainSettings
from workbench.grounding.region import Region
from workbench.sample import ImageRef

pytestmark = pytest.mark.slow


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return ImageRef(data=buffer.getvalue())


def margin_of(loaded, messages, ids, other):
    batch = loaded.family.encode(loaded, [messages])
    with torch.no_grad():
        logits = loaded.model(**batch.inputs, use_cache=False).logits[0, -1]
    return float(logits[ids[0]] - logits[other])


def test_occlusion_equals_brute_force_one_picture_at_a_time(tiny):
    refs = [picture(48, 40, 1), picture(32, 64, 2)]
    ids, other = answer_tokens(tiny, "true", None), answer_tokens(tiny, "false", None)[0]
    settings = ExplainSettings(
        method="occlusion",
        target="margin",
        contrast="false",
        baseline="grey",
        window=16,
        stride=8,
        batch_size=5,
    )
    found = explain(tiny, ask("is it", *refs), "true", settings=settings)
    whole = margin_of(tiny, ask("is it", *refs), ids, other)
    raw = []
    for index, ref in enumerate(refs):
        image = ref.load()
        w, h = image.size
        total, count = np.zeros((h, w)), np.zeros((h, w))
        for y in range(-8, h, 8):
            for x in range(-8, w, 8):
                covered = image.copy()
                covered.paste((128, 128, 128), (x, y, x + 16, y + 16))
                variant = [*refs]
                variant[index] = png(covered)
                drop = whole - margin_of(tiny, ask("is it", *variant), ids, other)
                here = slice(max(0, y), y + 16), slice(max(0, x), x + 16)
                total[here] += drop
                count[here] += 1
        mean = total / count
        raw.append(mean.reshape(h // 8, 8, w // 8, 8).mean(axis=(1, 3)))
    scale = max(r.max() for r in raw)
    assert found.score == pytest.approx(whole, abs=1e-4)
    for heat, expected in zip(found.images, raw, strict=True):
        assert heat.scale == pytest.approx(scale, abs=1e-4)
        assert np.allclose(heat.grid, np.clip(expected / scale, 0, 1), atol=2e-3)


def test_every_pixel_lies_under_as_many_windows_and_spread_is_a_weighted_mean():
    boxes = windows((48, 32), 16, 8)
    under = np.zeros((32, 48))
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= 48 and 0 <= y0 < y1 <= 32
        under[y0:y1, x0:x1] += 1
    assert (under == 4).all()
    assert np.allclose(spread(boxes, [2.0] * len(boxes), (48, 32), 8), 2.0)
    ragged = windows((50, 30), 16, 8)
    assert max(b[2] for b in ragged) == 50 and max(b[3] for b in ragged) == 30
    assert windows((10, 10), 4, 9) == [(0, 0, 4, 4), (9, 0, 10, 4), (0, 9, 4, 10), (9, 9, 10, 10)]


def test_an_object_beside_the_edge_is_hottest_itself_and_not_the_edge_beside_it():
    """Covering any pixel of the object takes everything: the worst case for a mean."""
    x0, y0, x1, y1 = 3, 46, 18, 61
    boxes = windows((64, 64), 16, 4)
    drops = [
        max(0, min(x1, b[2]) - max(x0, b[0])) * max(0, min(y1, b[3]) - max(y0, b[1])) for b in boxes
    ]
    (heat,) = heat_maps([spread(boxes, drops, (64, 64), 4)], [(64, 64)])
    assert in_box(heat.peak, [x0, y0, x1, y1])


@pytest.fixture(scope="module")
def planted(tiny_folder):
    """A model with hand-set weights: its answer is a sum over patches of how coloured they are.

    Every output of the patch embedding looks along one direction of colour, orthogonal to grey
    and to the processor's mean, so that a grey patch embeds to zero. Vision blocks and all
    but one attention pass everything on; that one looks at all tokens alike. The norms are
    made so gentle that they hardly bend anything.
    """
    from workbench.models.base import load_model
    from workbench.models.spec import ModelSpec

    loaded = load_model(ModelSpec(str(tiny_folder), device="cpu"))
    visual, language = loaded.base.model.visual, loaded.base.model.language_model
    image = loaded.processor.image_processor
    mean, std = torch.tensor(image.image_mean), torch.tensor(image.image_std)
    direction = torch.linalg.cross(mean, torch.ones(3)) * std
    gains = torch.randn(128, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        one = direction[None, :, None, None, None].expand_as(visual.patch_embed.proj.weight)
        visual.patch_embed.proj.weight.copy_(one * gains[:, None, None, None, None])
        for block in visual.blocks:
            for layer in (block.attn.proj, block.mlp.fc2):
                layer.weight.zero_()
                layer.bias.zero_()
        visual.merger.ln_q.eps = 100.0
        for index, block in enumerate(language.layers):
            block.mlp.down_proj.weight.zero_()
            block.self_attn.q_proj.weight.zero_()
            block.self_attn.q_proj.bias.zero_()
            block.input_layernorm.variance_epsilon = 100.0
            if index:
                block.self_attn.o_proj.weight.zero_()
    return loaded


def planted_prompt(loaded, place):
    """Two grey noise images, one with a green square; and the answers it speaks for and against."""
    rng = np.random.default_rng(3)
    images = []
    for _ in range(2):
        grey = rng.integers(60, 200, (8, 8, 1), dtype=np.uint8).repeat(3, axis=2)
        images.append(Image.fromarray(grey).resize((64, 64), Image.Resampling.NEAREST))
    empty = ask("is it", *(png(i) for i in images))
    which, (x, y) = place
    images[which].paste((0, 255, 0), (x, y, x + 16, y + 16))
    full = ask("is it", *(png(i) for i in images))
    logits = []
    for messages in (full, empty):
        batch = loaded.family.encode(loaded, [messages])
        with torch.no_grad():
            logits.append(loaded.model(**batch.inputs, use_cache=False).logits[0, -1])
    gain = logits[0] - logits[1]
    return full, [int(gain.argmax())], loaded.piece(int(gain.argmin())), int(gain.argmin())


@pytest.mark.parametrize("place", [(0, (16, 32)), (1, (48, 0)), (1, (32, 16))])
@pytest.mark.parametrize("method", ["default", "occlusion", "integrated", "hirescam", "gradcam"])
def test_a_planted_place_is_found(planted, place, method):
    messages, ids, _, _ = planted_prompt(planted, place)
    settings = {
        "default": ExplainSettings(target="logodds"),
        "gradcam": ExplainSettings("gradcam", "patch.block1", "logodds"),
        "occlusion": ExplainSettings("occlusion", target="logodds", baseline="grey"),
        "integrated": ExplainSettings("integrated", "patch.embed", "logodds", baseline="mean"),
        "hirescam": ExplainSettings("hirescam", "patch.embed", "logodds"),
    }[method]
    found = explain(planted, messages, "planted", answer_ids=ids, settings=settings)
    which, (x, y) = place
    assert points_at(found, which, (x, y, x + 16, y + 16))
    # Where nothing coloured is, nothing may be hot.
    assert found.images[1 - which].grid.max() < 0.05


def test_deletion_falls_and_insertion_rises_faster_by_a_true_map(planted):
    messages, ids, _, _ = planted_prompt(planted, (0, (16, 32)))
    settings = ExplainSettings("occlusion", target="logodds", baseline="grey")
    true = explain(planted, messages, "planted", answer_ids=ids, settings=settings)
    wrong = [np.flip(image.grid).copy() for image in true.images]
    false = Explanation(
        "flipped", "", 0, "", heat_maps(wrong, [i.size for i in true.images]), answer="planted"
    )
    good = curves(planted, messages, true, answer_ids=ids, fill="grey", steps=8)
    bad = curves(planted, messages, false, answer_ids=ids, fill="grey", steps=8)
    assert good.deletion[0] == pytest.approx(good.insertion[-1], rel=1e-4)
    assert good.deletion[-1] == pytest.approx(good.insertion[0], rel=1e-4)
    assert good.deletion_auc < bad.deletion_auc
    assert good.insertion_auc > bad.insertion_auc


def test_rank_orders_all_pixels_of_a_prompt_together():
    maps = heat_maps([np.array([[1.0, 0.0]]), np.array([[4.0]])], [(4, 2), (2, 2)])
    ranks = rank(Explanation("m", "", 0, "", maps))
    assert ranks[1].max() < ranks[0].min()
    assert ranks[0].shape == (2, 4)
    assert ranks[0][0, 0] < ranks[0][0, 3]


def test_pointing_game_and_its_chance_level():
    maps = heat_maps([np.array([[0.0, 1.0]]), np.array([[0.5, 0.0]])], [(20, 10), (20, 10)])
    found = Explanation("m", "", 0, "", maps)
    assert points_at(found, 0, (10, 0, 20, 10))
    assert not points_at(found, 0, (0, 0, 10, 10))
    assert not points_at(found, 1, (10, 0, 20, 10))
    assert in_box((9, 9), (0, 0, 10, 10))
    assert not in_box((10, 9), (0, 0, 10, 10))
    assert box_share((10, 0, 20, 10), 0, [(20, 10), (20, 10)]) == 0.25
    assert box_share((15, 5, 99, 99), 1, [(20, 10)] * 2) == 25 / 400


def test_a_random_point_reaches_the_boxes_share():
    rng = np.random.default_rng(0)
    box = (13, 5, 40, 31)
    points = rng.integers(0, 64, (20000, 2))
    hit = np.mean([in_box((int(x), int(y)), box) for x, y in points])
    assert hit == pytest.approx(box_share(box, 0, [(64, 64)]), abs=0.01)


def test_blanks_show_nothing_of_what_stood_there():
    image = Image.new("RGB", (40, 30), (200, 210, 220))
    image.paste((255, 0, 0), (10, 10, 20, 20))
    assert blank(image, "border").getcolors() == [(1200, (200, 210, 220))]
    assert blank(image, "grey").getcolors() == [(1200, (128, 128, 128))]
    assert len(blank(image, "mean").getcolors()) == 1
    assert all(blank(image, kind).size == (40, 30) for kind in BLANKS)
    assert local_blank(image, (10, 10, 20, 20)) == (200, 210, 220)
    spread_out = np.asarray(blank(image, "blur"), float)
    assert spread_out.std(axis=(0, 1)).max() < np.asarray(image, float).std(axis=(0, 1)).max() / 2
    with pytest.raises(UsageError, match="plaid"):
        blank(image, "plaid")


def test_pointing_at_what_a_text_is_about_counts_the_samples_own_images():
    """The prompt's first image is an example's; the sample's second one has the box."""
    grids = [np.zeros((4, 4)) for _ in range(3)]
    grids[2][1, 2] = 1.0
    found = Explanation("m", "l", 0, "t", heat_maps(grids, [(40, 40)] * 3))
    box, other = Region((20, 10, 30, 20), image=1), Region((0, 0, 20, 40), image=0)
    assert pointing(found, [box], 2) == (True, pytest.approx(100 / 4800))
    assert pointing(found, [other, box], 2) == (True, pytest.approx(900 / 4800))
    assert pointing(found, [other], 2) == (False, pytest.approx(800 / 4800))
    assert pointing(found, [Region((25, 15), image=1)], 2) is None
    assert pointing(found, [], 2) is None
