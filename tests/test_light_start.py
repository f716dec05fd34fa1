"""`wb --help` and the first frame of the bench import nothing heavy, also through others."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "datasets", "evaluate"}

HELP = """
import json, sys
from commands.main import cli
try:
    cli(["--help"], standalone_mode=False)
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""

FRAME = """
import asyncio, json, sys
from workbench.app.app import WbApp

async def look():
    app = WbApp()
    async with app.run_test(size=(120, 40)) as pilot:
        for key in sys.argv[1]:
            await pilot.press(key)
            await pilot.pause(0.1)
        drawn = ""
        while not ("Explore" in drawn and "Sessions" in drawn):  # as long as the machine takes
            await pilot.pause(0.05)
            strips = app.screen._compositor.render_strips()
            drawn = "".join(strip.text for strip in strips)

asyncio.run(look())
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules_after(code, *args):
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *args],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {name.split(".")[0] for name in json.loads(done.stderr.strip().splitlines()[-1])}


def test_help_imports_nothing_heavy_and_no_screen():
    found = modules_after(HELP)
    assert "click" in found  # the dump is of the process that printed the help
    assert not found & (HEAVY | {"textual", "numpy", "PIL", "httpx", "pyarrow", "pydantic"})


@pytest.mark.slow
@pytest.mark.parametrize("keys", ["", "234"], ids=["first frame", "every place"])
def test_the_bench_draws_its_places_without_anything_heavy(keys):
    found = modules_after(FRAME, keys)
    assert "textual" in found
    assert not found & (HEAVY | {"pydantic"})
