"""Colour maps for heat: numbers in 0..1 to RGB, from small tables.

Guarantee: imports numpy and nothing heavier; within 3 of 255 of matplotlib's maps of the same
name. `viridis` and `inferno` are the maps of that name by van der Walt and Smith (CC0), `turbo`
is Mikhailov's (Apache-2.0), `jet` the old Matlab map; `grey` is black to white.
"""

from __future__ import annotations

import numpy as np

from workbench.errors import UnknownName

# 33 equally spaced anchors each, two hexadecimal digits a channel; linear in between.
_TABLES = {
    "viridis": (
        "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d"
        "2f6b8e2c728e297a8e26828e23898e21918c1f978b1f9f8821a68527ad8131b57b"
        "3dbc744cc26c5cc8636ece5881d34d95d840aadc32c0df25d5e21aeae51afde725"
    ),
    "inferno": (
        "0000040403120b0724150b37210c4a2f0a5b3d09654a0c6b57106e64156e71196e"
        "7d1e6d8a226a972766a32c61b0315bbc3754c63d4dd04545da4e3ce35933eb6429"
        "f1711ff67e14f98c0afb9b06fcaa0ffbba1ff9c932f5d949f2e865f3f586fcffa4"
    ),
    "turbo": (
        "30123b392a734040a24456c7466be34680f64294ff37a8fa28bceb1ccdd818ddc2"
        "1fe9af32f2984ef97d6dfe628bff4ba4fc3cb7f735cbed34dde037ecd13af7c13a"
        "fdae35fe992cfb8122f56918ec530fe14109d23105c12302ac1701950d017a0403"
    ),
}
# Piecewise linear by definition: (position, value) of each channel's corners.
_JET = (
    ((0, 0.35, 0.66, 0.89, 1), (0, 0, 1, 1, 0.5)),
    ((0, 0.125, 0.375, 0.64, 0.91, 1), (0, 0, 1, 1, 0, 0)),
    ((0, 0.11, 0.34, 0.65, 1), (0.5, 1, 1, 0, 0)),
)
COLORMAPS = ("turbo", "viridis", "inferno", "jet", "grey")
DEFAULT_COLORMAP = "turbo"


def _table(name: str) -> np.ndarray:
    """The map as (256, 3) floats in 0..255."""
    at = np.linspace(0, 1, 256)
    if name == "grey":
        return np.repeat(at[:, None] * 255, 3, axis=1)
    if name == "jet":
        return np.stack([np.interp(at, x, y) * 255 for x, y in _JET], axis=1)
    anchors = np.frombuffer(bytes.fromhex(_TABLES[name]), np.uint8).reshape(-1, 3)
    where = np.linspace(0, 1, len(anchors))
    return np.stack([np.interp(at, where, anchors[:, c]) for c in range(3)], axis=1)


def colour(values: np.ndarray, name: str = DEFAULT_COLORMAP) -> np.ndarray:
    """RGB for heat.

    Args:
        values: Any shape, 0 (cold) to 1 (hot); what lies outside is clipped, NaN is cold.
        name: One of `COLORMAPS`.

    Returns:
        uint8 of shape `values.shape + (3,)`.

    Raises:
        UnknownName: There is no such colour map.
    """
    if name not in COLORMAPS:
        raise UnknownName(
            f"unknown colour map: {name!r}", hint=f"the colour maps are {', '.join(COLORMAPS)}"
        )
    index = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.intp)
    return np.rint(_table(name)).astype(np.uint8)[index]
