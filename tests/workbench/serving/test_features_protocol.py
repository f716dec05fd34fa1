"""Features over the socket: what goes in and comes out, and what is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.errors import ImageError, ModelError, UsageError
from workbench.models.spec import ModelSpec
from workbench.sample import ImageRef
from workbench.serving.client import Engine
from workbench.serving.protocol import MAX_IMAGES, FeatureReply, data_url, read_images


def test_a_reply_reads_back_as_it_was():
    rows = np.array([[1, 2], [np.nan, np.nan]], "<f4")
    reply = FeatureReply(2, rows.tobytes(), {1: "damaged"}, "abc", "patch.block1")
    assert FeatureReply.from_json(json.loads(json.dumps(reply.to_json()))) == reply


def test_pictures_come_as_data_urls_and_nothing_else():
    assert [ref.data for ref in read_images([data_url(ImageRef(data=b"x"))])] == [b"x"]
    for bad in (None, [], "x", [data_url(ImageRef(data=b"x"))] * (MAX_IMAGES + 1)):
        with pytest.raises(UsageError, match="images wants a list"):
            read_images(bad)
    for bad in (["http://example.org/a.png"], ["file:///etc/passwd"], [3]):
        with pytest.raises(ImageError, match="no data URL"):
            read_images(bad)


def test_a_server_s_model_is_refused_before_anything_is_sent():
    with pytest.raises(ModelError, match="image features"):
        Engine().features([ImageRef(data=b"x")], ModelSpec("openai:http://127.0.0.1:9#x"))
