"""The CAM formulas, the gradients and the path integral, against independent references."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.workbench.explain.library import as_shown, patch_map, pytorch_grad_cam
from tests.workbench.models.tiny import ask, picture
from workbench.errors import Cancelled, UnknownName, UsageError
from workbench.explain.capture import capture
from workbench.explain.explain import blank_pixels, explain, explain_tokens
from workbench.explain.maps import raw_maps
from workbench.explain.methods import METHODS, cam
from workbench.explain.prepare import answer_tokens, prepare
from workbench.explain.settings import ExplainSettings
from workbench.explain.targets import Target

LIBRARY = {m.name: m.library for m in METHODS.values() if m.library}
PROMPT = ask("is the red circle left of the blue square?", picture(64, 48, 1), picture(32, 96, 2))
VISION = ["patch.embed", "patch.block0", "patch.block1", "merged.merger"]


def prepared_for(loaded, messages=PROMPT, answer="true", upto=0):
    return prepare(loaded, messages, answer_tokens(loaded, answer, None), upto)


@pytest.mark.parametrize("name", LIBRARY)
def test_formulas_equal_pytorch_grad_cam_on_a_convolutional_net(name):
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(6, 8, 3),
        torch.nn.Tanh(),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(32, 5),
    ).eval()
    image = torch.randn(1, 3, 21, 17)
    target = lambda output: output[3]  # noqa: E731
    with getattr(pytorch_grad_cam, LIBRARY[name])(net, [net[3]]) as library:
        theirs = library(image, [target])[0]
    activations = net[:4](image)
    gradients = torch.autograd.grad(net[4:](activations)[0, 3], activations)[0]
    flat = [t[0].flatten(1).T.detach().numpy() for t in (activations, gradients)]
    ours = np.maximum(cam(name, *flat).reshape(activations.shape[2:]), 0)
    assert theirs.max() == pytest.approx(1)
    assert np.allclose(as_shown(ours, (17, 21)), theirs, atol=1e-4)


@pytest.mark.parametrize("name", LIBRARY)
def test_maps_equal_pytorch_grad_cam_at_the_patch_embedding(tiny, name):
    messages = ask("is there a circle", picture(64, 64, 3))
    ours = explain(tiny, messages, "yes", method=name, layer="patch.embed", target="logit")
    token = answer_tokens(tiny, "yes", None)[0]
    inputs = prepared_for(tiny, messages).inputs

    def outputs():
        return tiny.model(**inputs, use_cache=False).logits[:, -1]

    theirs = patch_map(tiny, LIBRARY[name], outputs, token)
    assert theirs.max() == pytest.approx(1)
    assert np.allclose(as_shown(ours.images[0].grid, (64, 64)), theirs, atol=1e-3)


@pytest.mark.parametrize("layer", [*VISION, "token.layer0"])
@pytest.mark.parametrize("kind", ["logit", "logprob", "logodds", "margin"])
def test_gradients_match_finite_differences(tiny, layer, kind):
    prepared = prepared_for(tiny)
    target = Target(kind, prepared.answer_ids[0])
    found = capture(tiny, prepared, [layer], [(0, target)])
    gradient, target = found.gradients[0][layer], found.targets[0]
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(gradient.shape, generator=generator)
    module = tiny.family.layers(tiny)[layer]
    rows = torch.tensor([c for span in prepared.spans for c in span.indices])

    def nudged(step):
        def hook(_module, _args, output):
            moved = output.clone()
            where = moved[0] if moved.ndim == 3 else moved
            if moved.ndim == 3:
                where[rows] += step * direction
            else:
                where += step * direction
            return moved

        handle = module.register_forward_hook(hook)
        with torch.no_grad():
            logits = tiny.model(**prepared.inputs, use_cache=False).logits[0, -1]
        handle.remove()
        return float(target(logits))

    step = 2e-3
    slope = (nudged(step) - nudged(-step)) / (2 * step)
    assert float((gradient * direction.numpy()).sum()) == pytest.approx(slope, rel=0.02, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("layer", VISION)
def test_integrated_maps_add_up_to_the_whole_change_along_the_path(tiny, layer):
    prepared = prepared_for(tiny)
    settings = ExplainSettings("integrated", layer, "logodds", steps=64)
    baseline = blank_pixels(tiny, PROMPT, prepared, "mean")
    target = Target("logodds", prepared.answer_ids[0])
    (grids,), whole = raw_maps(tiny, prepared, [(0, target)], settings, baseline=baseline)
    inputs = dict(prepared.inputs, pixel_values=baseline)
    with torch.no_grad():
        start = float(target(tiny.model(**inputs, use_cache=False).logits[0, -1]))
    change = whole.scores[0] - start
    assert abs(change) > 0.05
    assert sum(float(g.sum()) for g in grids) == pytest.approx(change, rel=0.05)


def test_hirescam_at_the_patch_embedding_is_input_times_gradient(tiny):
    """The embedding is linear in the pixels: the two must agree, patch by patch."""
    prepared = prepared_for(tiny)
    target = Target("logit", prepared.answer_ids[0])
    (grids,), _ = raw_maps(
        tiny, prepared, [(0, target)], ExplainSettings("hirescam", "patch.embed", "logit")
    )
    pixels = prepared.inputs["pixel_values"].clone().requires_grad_(True)
    inputs = dict(prepared.inputs, pixel_values=pixels)
    target(tiny.model(**inputs, use_cache=False).logits[0, -1]).backward()
    tiny.model.zero_grad(set_to_none=True)
    assert pixels.grad is not None
    by_patch = (pixels * pixels.grad).sum(1).detach()
    for grid, span in zip(grids, prepared.spans, strict=True):
        rows = by_patch[span.patches[0] : span.patches[1]]
        expected = tiny.family.to_grid(rows, span, "patch").numpy()
        assert np.allclose(grid, expected, atol=1e-5)


def test_a_token_is_explained_from_its_prefix_alone(tiny):
    ids = answer_tokens(tiny, "true false yes no", None)
    whole = explain_tokens(tiny, PROMPT, "true false yes no", answer_ids=ids)
    assert [e.token for e in whole] == list(range(len(ids)))
    for i, together in enumerate(whole):
        alone = explain(tiny, PROMPT, "?", token=i, answer_ids=ids[: i + 1])
        other = explain(tiny, PROMPT, "?", token=i, answer_ids=[*ids[: i + 1], 7, 8, 9])
        for a, b, c in zip(together.images, alone.images, other.images, strict=True):
            assert np.allclose(a.grid, b.grid, atol=1e-3)
            assert np.array_equal(b.grid, c.grid)
    assert not np.allclose(whole[0].images[0].grid, whole[1].images[0].grid, atol=1e-2)


def test_a_negative_token_counts_from_the_end(tiny):
    ids = answer_tokens(tiny, "true false yes", None)
    assert explain(tiny, PROMPT, "true false yes", token=-1).token == len(ids) - 1


def test_a_margin_is_against_the_runner_up_unless_a_contrast_is_named(tiny):
    with torch.no_grad():
        logits = tiny.model(**prepared_for(tiny).inputs, use_cache=False).logits[0, -1]
    token = answer_tokens(tiny, "true", None)[0]
    other = next(i for i in logits.argsort(descending=True).tolist() if i != token)
    free = explain(tiny, PROMPT, "true", target="margin")
    assert free.contrast == tiny.piece(other)
    assert free.score == pytest.approx(float(logits[token] - logits[other]), abs=1e-4)
    named = explain(tiny, PROMPT, "true", target="margin", contrast="false")
    assert named.contrast == tiny.piece(answer_tokens(tiny, "false", None)[0])
    assert named.score != pytest.approx(free.score)


def test_logodds_is_the_log_of_p_over_1_minus_p(tiny):
    found = explain(tiny, PROMPT, "true", target="logodds").score
    p = np.exp(explain(tiny, PROMPT, "true", target="logprob").score)
    assert found == pytest.approx(np.log(p / (1 - p)), abs=1e-3)


def test_the_model_is_left_as_it_was(tiny):
    before = {name: p.requires_grad for name, p in tiny.model.named_parameters()}
    tiny.model.train()
    try:
        explain(tiny, PROMPT, "true")
        assert tiny.model.training
    finally:
        tiny.model.eval()
    assert {name: p.requires_grad for name, p in tiny.model.named_parameters()} == before
    assert all(p.grad is None for p in tiny.model.parameters())
    assert not any(m._forward_hooks for m in tiny.family.layers(tiny).values())


@pytest.mark.parametrize("method", ["hirescam", "integrated"])
def test_frozen_parameters_and_inference_mode_change_nothing(tiny, method):
    free = explain(tiny, PROMPT, "true", method=method)
    wanted = [p.requires_grad for p in tiny.model.parameters()]
    tiny.model.requires_grad_(False)
    try:
        with torch.inference_mode():
            frozen = explain(tiny, PROMPT, "true", method=method)
    finally:
        for parameter, flag in zip(tiny.model.parameters(), wanted, strict=True):
            parameter.requires_grad_(flag)
    for a, b in zip(free.images, frozen.images, strict=True):
        assert np.allclose(a.grid, b.grid, atol=1e-5)


def test_joined_layers_lie_on_the_finest_grid(tiny):
    product = explain(tiny, PROMPT, "true", method="layercam", layer="patch.block1*merged.merger")
    mean = explain(tiny, PROMPT, "true", method="layercam", layer="patch.block1+merged.merger")
    assert product.images[0].grid.shape == mean.images[0].grid.shape == (6, 8)
    assert explain(tiny, PROMPT, "true", settings=ExplainSettings(coarse=True)).images[
        1
    ].grid.shape == (
        6,
        2,
    )


def test_smoothing_averages_noisy_passes_and_is_seeded(tiny):
    rough = explain(tiny, PROMPT, "true")
    one = explain(tiny, PROMPT, "true", settings=ExplainSettings(smooth=4))
    two = explain(tiny, PROMPT, "true", settings=ExplainSettings(smooth=4))
    still = explain(tiny, PROMPT, "true", settings=ExplainSettings(smooth=2, noise=0.0))
    assert np.array_equal(one.images[0].grid, two.images[0].grid)
    assert not np.allclose(one.images[0].grid, rough.images[0].grid, atol=1e-2)
    assert np.allclose(still.images[0].grid, rough.images[0].grid, atol=1e-4)


@pytest.mark.parametrize("method", ["integrated", "occlusion"])
def test_cancel_stops_between_passes(tiny, method):
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        explain(
            tiny,
            PROMPT,
            "true",
            settings=ExplainSettings(method, steps=50, batch_size=2),
            cancelled=cancelled,
        )
    assert len(asked) == 4


def test_what_cannot_be_meant_is_refused_with_a_hint(tiny):
    cases = [
        (UnknownName, "plaid", dict(method="plaid")),
        (UnknownName, "patch.block9", dict(layer="patch.block9")),
        (UnknownName, "loss", dict(target="loss")),
        (UsageError, "--token 5", dict(token=5)),
        (UsageError, "contrast", dict(target="logit", contrast="false")),
        (UsageError, "contrast", dict(target="margin", contrast="true")),
    ]
    for error, words, knobs in cases:
        with pytest.raises(error, match=words) as caught:
            explain(tiny, PROMPT, "true", **knobs)
        assert caught.value.hint
    with pytest.raises(UsageError, match="empty"):
        explain(tiny, PROMPT, "")
    with pytest.raises(UsageError, match="no image"):
        explain(tiny, ask("no picture"), "true")
    with pytest.raises(UsageError, match="steps"):
        ExplainSettings(steps=0)


@pytest.mark.parametrize("layer", ["token.last", "token.layer1", "patch.last*token.last"])
def test_a_layer_that_no_gradient_reaches_is_refused_with_the_reason(tiny, layer):
    """What the last language layer leaves at the image's places is read by nobody."""
    with pytest.raises(UsageError, match="the whole map would be cold") as caught:
        explain(tiny, PROMPT, "true", method="hirescam", layer=layer)
    assert "token.layer0" in caught.value.hint
    found = explain(tiny, PROMPT, "true", method="eigencam", layer="token.last")
    assert any(image.grid.max() > 0 for image in found.images)  # asks no gradient


def test_each_module_is_as_it_was_where_parts_of_a_training_model_are_not(tiny):
    tiny.model.train()
    tiny.model.model.visual.eval()
    before = {name: module.training for name, module in tiny.model.named_modules()}
    assert len(set(before.values())) == 2
    try:
        explain(tiny, PROMPT, "true")
        assert {name: module.training for name, module in tiny.model.named_modules()} == before
    finally:
        tiny.model.eval()


def test_images_of_other_formats_are_explained_at_their_own_size(tiny):
    import io

    from workbench.sample import ImageRef

    buffer = io.BytesIO()
    Image.new("L", (333, 77), 90).save(buffer, "JPEG")
    found = explain(tiny, ask("one", ImageRef(data=buffer.getvalue())), "true")
    assert found.images[0].size == (333, 77)
    x, y = found.images[0].peak
    assert 0 <= x < 333
    assert 0 <= y < 77


def test_the_last_of_a_kind_of_layer_has_a_name_of_its_own(tiny):
    layers = list(tiny.family.layers(tiny))
    blocks = [name for name in layers if name.startswith("patch.")]
    last = explain(tiny, PROMPT, "true", layer="patch.last")
    named = explain(tiny, PROMPT, "true", layer=blocks[-1])
    assert last.layer == blocks[-1] != "patch.embed"
    assert np.array_equal(last.images[1].grid, named.images[1].grid)
    joined = explain(tiny, PROMPT, "true", layer="patch.embed*merged.last")
    assert joined.layer == "patch.embed*merged.merger"
