"""What is explained: one number of the model's next-token logits, or of its head's.

`logit` and `logprob` of the token, `logodds` (log p / (1 - p): the token against all others, with
a gradient that does not die when the model is sure) and `margin` (its logit less that of one
other token). All are taken in float32 from the logits of one position. A classification head's
logits are explained the same way, classes in the place of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from workbench.errors import UnknownName, UsageError

TARGETS = ("logit", "logprob", "logodds", "margin")


@dataclass(frozen=True)
class Target:
    """A number of the logits.

    Attributes:
        kind: One of `TARGETS`.
        token_id: The token that is explained.
        contrast_id: The other token of a margin; `None` takes the most probable other token,
            which is settled once on the whole images by `settle`.
        head: Both are classes of the model's head, not tokens.
    """

    kind: str
    token_id: int
    contrast_id: int | None = None
    head: bool = False

    def __post_init__(self) -> None:
        if self.kind not in TARGETS:
            raise UnknownName(
                f"unknown target: {self.kind!r}", hint=f"the targets are {', '.join(TARGETS)}"
            )

    def settle(self, logits: torch.Tensor) -> Target:
        """Fix the contrast of a margin from the logits (V,) on the whole images."""
        if self.kind != "margin" or self.contrast_id is not None:
            return self
        others = logits.detach().float().clone()
        others[self.token_id] = -torch.inf
        return replace(self, contrast_id=int(others.argmax()))

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """The number: logits (..., V) to (...), float32, differentiable."""
        logits = logits.float()
        chosen = logits[..., self.token_id]
        if self.kind == "logit":
            return chosen
        if self.kind == "logprob":
            return chosen - logits.logsumexp(-1)
        if self.kind == "logodds":
            mask = torch.zeros(logits.shape[-1], dtype=torch.bool, device=logits.device)
            mask[self.token_id] = True
            return chosen - logits.masked_fill(mask, -torch.inf).logsumexp(-1)
        if self.contrast_id is None:
            raise UsageError("a margin needs its contrast", hint="call settle() first")
        return chosen - logits[..., self.contrast_id]


def contrast_token(answer_ids: Sequence[int], contrast_ids: Sequence[int], token: int) -> int:
    """Which token of a contrast answer stands against token `token` of the answer.

    Where both answers begin alike up to `token`, it is the contrast's token at that place;
    otherwise its first.

    Raises:
        UsageError: The contrast is empty, or that token is the same in both.
    """
    if not contrast_ids:
        raise UsageError("--contrast is empty", hint="name the answer to compare with")
    alike = list(answer_ids[:token]) == list(contrast_ids[:token]) and len(contrast_ids) > token
    other = contrast_ids[token] if alike else contrast_ids[0]
    if other == answer_ids[token]:
        raise UsageError(
            f"token {token} of the answer is also that of --contrast",
            hint="choose --token where the two answers differ, or another contrast",
        )
    return int(other)
