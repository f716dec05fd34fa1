"""Adapters that are broken or hostile: refused with a reason, and the base answers as before."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.torture.command import ROOT, wb
from benchmarks.torture.mutate import flip, with_odd_value
from benchmarks.torture.world import World

_MAKE = """
import sys
from peft import LoraConfig, get_peft_model
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec
loaded = load_model(ModelSpec("demo", device="cpu"))
for init in (True, "pissa", "olora"):
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=init)
    model = get_peft_model(load_model(ModelSpec("demo", device="cpu")).model, config)
    model.save_pretrained(f"{sys.argv[1]}/{init}")
"""


def adapters(world: World, rng: random.Random) -> Iterator[str]:
    """Three changed adapters through one engine; after each the base is asked again."""
    made = world.root / "adapters"
    if not made.exists():
        subprocess.run([sys.executable, "-c", _MAKE, str(made)], cwd=ROOT, check=True)
    home = world.root / "adapter-home"
    home.mkdir(exist_ok=True)
    for _ in range(3):
        folder = world.root / "adapter"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made / rng.choice(("True", "True", "pissa", "olora")), folder)
        how = _change(folder, rng)
        world.faults[f"adapter: {how}"] += 1
        uid = f"demo/test/{rng.randrange(100):06}"
        outcome = wb(home, "prompt", uid, "--adapter", str(folder), "--json", limit_s=120)
        for complaint in world.judge(outcome):
            yield f"{complaint} [{how}]"
        for complaint in world.compare_answer(home):
            yield f"after an adapter ({how}): {complaint}"


def _change(folder: Path, rng: random.Random) -> str:
    config, weights = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    way = rng.choice(("config", "config", "pattern", "bits", "cut", "header", "NaN", "sound"))
    if way == "config":
        config.write_text(json.dumps(with_odd_value(json.loads(config.read_text()), rng)))
    elif way == "pattern":
        document = json.loads(config.read_text())
        key = rng.choice(("target_modules", "exclude_modules", "layers_pattern"))
        document[key] = rng.choice((r"(.*)*(.*)*_projx", r"(a|a)*$", "[", ".*", "x" * 100_000))
        config.write_text(json.dumps(document))
    elif way == "bits":
        weights.write_bytes(flip(weights.read_bytes(), rng))
    elif way == "cut":
        data = weights.read_bytes()
        weights.write_bytes(data[: rng.randrange(len(data))])
    elif way == "header":
        weights.write_bytes(struct.pack("<Q", rng.choice((0, 1 << 40, 1 << 63))) + b"{}")
    elif way == "NaN":
        data = bytearray(weights.read_bytes())
        data[-400:] = struct.pack("<f", float("nan")) * 100
        weights.write_bytes(bytes(data))
    return way


def requests(world: World, rng: random.Random) -> Iterator[str]:
    """Requests with odd values to the engine's socket; it goes on answering, within bounds."""
    import httpx

    home = world.root / "request-home"
    home.mkdir(exist_ok=True)
    yield from world.compare_answer(home)
    status = json.loads(wb(home, "engine", "status", "--json").out)
    socket = _socket(home)
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://wb", timeout=60
    ) as client:
        for _ in range(25):
            path, body = _request(rng)
            world.faults["request"] += 1
            world.checks += 1
            try:
                answer = client.post(path, content=body)
                if answer.status_code >= 500 and answer.status_code != 503:
                    yield f"{path} {_short(body)}: status {answer.status_code}: {answer.text[:200]}"
                if "Traceback" in answer.text:
                    yield f"{path} {_short(body)}: a traceback"
            except httpx.HTTPError as error:
                yield f"{path} {_short(body)}: {type(error).__name__}: {error}"
    after = json.loads(wb(home, "engine", "status", "--json").out or "{}")
    if after.get("pid") != status["pid"]:
        yield "the engine died of a request"
    elif (grown := _peak(status["pid"])) > 3 << 30:
        yield f"the engine took {grown >> 20} MiB"
    yield from world.compare_answer(home)


def _request(rng: random.Random) -> tuple[str, bytes]:
    content = [{"type": "text", "text": "Is it true?"}]
    body = {
        "model": "demo",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 4,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stream": False,
        "n": 1,
        "stop": ["."],
        "logprobs": True,
        "top_logprobs": 2,
        "num_beams": 1,
    }
    way = rng.random()
    if way < 0.1:
        return "/v1/chat/completions", rng.randbytes(rng.randrange(2000))
    if way < 0.2:
        return "/v1/chat/completions", b'{"messages":' + b"[" * 50_000
    if way < 0.35:
        key = rng.choice(("n", "max_tokens", "top_logprobs", "num_beams", "seed", "temperature"))
        text = json.dumps(body | {key: 123454321})
        odd = rng.choice(("1e999", "-1e999", "NaN", "1000000", "-1", "1e30", str(10**400)))
        return "/v1/chat/completions", text.replace("123454321", odd).encode()
    path = rng.choice(("/v1/chat/completions",) * 4 + ("/wb/load", "/wb/explain"))
    if path != "/v1/chat/completions":
        body |= {"spec": {"model": "demo"}, "answer_text": "True", "token": 0}
    return path, json.dumps(with_odd_value(body, rng)).encode()


def _short(body: bytes) -> str:
    """A body for a finding: without what is the same in every request."""
    text = body.decode("utf-8", "backslashreplace")
    return text if len(text) < 420 else text[:200] + " … " + text[-200:]


def _socket(home: Path) -> Path:
    code = "from workbench.serving.process import socket_path; print(socket_path())"
    env = {**os.environ, "WB_HOME": str(home)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    return Path(found.stdout.strip())


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
