"""Every knob of an explanation in one frozen, validated object; imports nothing heavy.

The defaults are measured: `benchmarks/localisation.py` compares them, docs/explain.md says how
they came out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from workbench.errors import UsageError
from workbench.knobs import RANGES

DEFAULT_METHOD = "elementwise"
DEFAULT_LAYER = "patch.last"
DEFAULT_TARGET = "margin"


@dataclass(frozen=True)
class ExplainSettings:
    """How a map is made.

    Attributes:
        method: A name of `workbench.explain.methods.METHODS`, or `occlusion`.
        layer: A layer's name; `a+b` is the mean of two layers' maps, `a*b` their product.
        target: `logit`, `logprob`, `logodds` or `margin`.
        contrast: A margin's other answer, as text; `None` is the most probable other token.
        head: Explain this class of the model's head in the place of a token; `contrast` is then
            another class, and the target unsaid is the class's logit.
        steps: Points on the path of `integrated`.
        baseline: The blank image that `integrated` starts from, or `occlusion` fills with
            (there also `local`).
        smooth: Average this many noisy passes (SmoothGrad); 0 is off.
        noise: Standard deviation of that noise, as a share of the range of the pixels.
        seed: Of that noise.
        coarse: Pool patches to the grid of merged tokens.
        window: Side of the occluding window in pixels; `None` is a quarter of the shorter side.
        stride: How far it moves; `None` is a half of the window.
        batch_size: Occluded pictures in one forward.
    """

    method: str = DEFAULT_METHOD
    layer: str = DEFAULT_LAYER
    target: str = DEFAULT_TARGET
    contrast: str | None = None
    head: str | None = None
    steps: int = 16
    baseline: str = "blur"
    smooth: int = 0
    noise: float = 0.1
    seed: int = 0
    coarse: bool = False
    window: int | None = None
    stride: int | None = None
    batch_size: int = 32

    def __post_init__(self) -> None:
        self._check_types()
        wrong = [
            f"{f.name} wants {RANGES[f.name].wants}, got {value!r}"
            for f in fields(self)
            if f.name in RANGES
            and (value := getattr(self, f.name)) is not None
            and not RANGES[f.name].holds(value)
        ]
        if wrong:
            raise UsageError("; ".join(wrong), kind="bad_knob", hint="see: wb gradcam --help")

    @classmethod
    def from_json(cls, knobs: Mapping[str, Any]) -> ExplainSettings:
        """From a request; what is `None` takes its default.

        Raises:
            UsageError: Naming every unknown knob, or a knob of the wrong type.
        """
        known = {f.name: f for f in fields(cls)}
        unknown = sorted(set(knobs) - set(known))
        if unknown:
            raise UsageError(
                f"unknown settings of a heat map: {', '.join(unknown)}",
                hint=f"the settings are {', '.join(sorted(known))}",
                kind="bad_knob",
            )
        said: dict[str, Any] = {} if knobs.get("head") is None else {"target": "logit"}
        said |= {name: value for name, value in knobs.items() if value is not None}
        return cls(**said)

    def _check_types(self) -> None:
        for spec in fields(self):
            value, wants = getattr(self, spec.name), str(spec.type)
            allowed = {"str": str, "int": int, "float": (int, float), "bool": bool}
            if value is None and "None" in wants:
                continue
            right = isinstance(value, allowed[wants.split(" ")[0]])
            if not right or (isinstance(value, bool) and wants != "bool"):
                raise UsageError(
                    f"{spec.name} wants {wants.split(' ')[0]}, got {value!r}", kind="bad_knob"
                )
