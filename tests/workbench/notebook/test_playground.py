"""The notebook that we ship, run cell by cell in a real kernel, and that kernel interrupted."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.commands.engine_home import engine_home  # noqa: F401

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).parents[3] / "examples" / "playground.ipynb"
# A hot model babbles for as long as it may: there is time to interrupt it.
BABBLE = """
from workbench import api as wb
wb.ask("demo/test/000012", "Talk.", temperature=100.0, seed=3, max_new_tokens=1500)
"""
AFTER = """
last = wb.session().prompts[-1]
from workbench.serving.client import Engine
with Engine.connect(start=False) as engine:
    serving = engine.status()["serving"]
print(last.finish_reason, 0 < len(last.tokens) < 1500, serving, wb.ask(last.uid).right)
"""


@pytest.fixture(scope="module")
def kernel(engine_home):  # noqa: F811
    """A kernel that listens on Unix sockets alone, with a home and folders of its own."""
    folder = tempfile.mkdtemp(prefix="wbk")  # a socket's path must be short
    own = {
        "WB_HOME": str(engine_home),
        "WB_DEVICE": "cpu",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "IPYTHONDIR": f"{folder}/ipython",
        "JUPYTER_CONFIG_DIR": f"{folder}/config",
        "JUPYTER_DATA_DIR": f"{folder}/data",
    }
    left_out = ("WB_SESSION", "WB_JOB_DIR", "WB_JOB_PROGRESS", "WB_GPU", "WB_LOCAL_DIR")
    env = {name: value for name, value in os.environ.items() if name not in left_out} | own
    manager = KernelManager(
        kernel_name="python3", transport="ipc", connection_file=f"{folder}/kernel.json"
    )
    manager.start_kernel(env=env, cwd=folder)
    yield manager
    manager.shutdown_kernel(now=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cells(kernel):
    """The outputs of each code cell of the notebook, in order: (source, outputs)."""
    book = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(book, km=kernel, timeout=240, store_widget_state=False)
    client.execute(cleanup_kc=False)
    client.kc.stop_channels()
    return [(cell.source, cell.outputs) for cell in book.cells if cell.cell_type == "code"]


def shown(cells, words: str, kind: str = "text/html") -> str:
    """What the cell that holds `words` showed as its value."""
    found = [outputs for source, outputs in cells if words in source]
    assert len(found) == 1, words
    values = [o for o in found[0] if o.output_type == "execute_result"]
    return values[0].data[kind]


def test_the_notebook_is_kept_without_outputs():
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_samples_answers_maps_and_figures_show_themselves(cells):
    assert shown(cells, "\ndata").count("<img") == 8  # four samples of two images
    assert shown(cells, "data.random(6").count("data:image/png;base64,") == 12
    answer = shown(cells, "label_scores=True")
    assert "True. The left image has four shapes and the right image has two." in shown(
        cells, "label_scores=True", "text/plain"
    )
    assert "✓ right" in answer
    assert "log-likelihood" in answer
    assert "logprob -" in answer  # of each token, in its tooltip
    label, right, scores = eval(shown(cells, "answer.label,", "text/plain"))
    assert (label, right) == ("True", True)
    assert scores["true"] > scores["false"]
    grid = shown(cells, "wb.sweep", "text/plain").splitlines()
    assert grid[0].startswith("4 of 4 cells")
    assert [line.partition(":")[0] for line in grid[1:]] == [
        f"temperature {t}, seed {s}" for t in (0.5, 2.0) for s in (1, 2)
    ]
    heat = shown(cells, "wb.explain(answer)")
    assert heat.count("<img") == 2
    assert "linear-gradient" in heat
    assert "elementwise" in heat
    assert "accuracy" in shown(cells, "wb.evaluate")
    assert "of 8 wrong" in shown(cells, "run.wrong()")


def test_bookmarks_go_round_by_next(cells):
    uids = eval(shown(cells, "next(marks)", "text/plain"))
    assert len(set(uids[:3])) == 3
    assert uids[3] == uids[0]
    walked = shown(cells, "for sample in marks", "text/plain").splitlines()
    assert [line.split(":")[0] for line in walked] == [uids[1], uids[2], uids[0]]


def test_the_session_replays_to_the_same_words(cells):
    replayed = shown(cells, "wb.replay()", "text/plain").splitlines()
    assert replayed[0].endswith("8 asked again: 8 same, 0 changed")
    assert "= same" in shown(cells, "wb.replay()")


def printed(kernel, code: str) -> str:
    """What a cell prints."""
    out = []

    def collect(message):
        out.append(message["content"].get("text", "") if message["msg_type"] == "stream" else "")

    client = kernel.client()
    client.start_channels()
    client.wait_for_ready(60)
    reply = client.execute_interactive(code, output_hook=collect, timeout=120)
    client.stop_channels()
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(out)


def test_the_kernel_holds_no_torch_and_is_reached_from_this_machine_alone(cells, kernel):
    heavy = "{'torch', 'transformers', 'datasets', 'evaluate'}"
    assert printed(kernel, f"import sys; print({heavy} & set(sys.modules))") == "set()\n"
    ports = psutil.Process(kernel.provisioner.pid).net_connections(kind="inet")
    # One is ipykernel's own, for what child processes print.
    assert {c.laddr.ip for c in ports if c.status == psutil.CONN_LISTEN} <= {"127.0.0.1"}


def test_an_interrupted_cell_stops_the_engine_and_leaves_the_kernel_sane(cells, kernel):
    client = kernel.client()
    client.start_channels()
    client.wait_for_ready(60)
    drawn: list[str] = []

    def at_the_first_token(message):
        if "data" in message["content"]:
            drawn.append(message["content"]["data"]["text/html"])
            if sum("logprob" in one for one in drawn) == 1:
                kernel.interrupt_kernel()

    reply = client.execute_interactive(BABBLE, output_hook=at_the_first_token, timeout=120)
    client.stop_channels()
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert "interrupted: this was said so far, and it is on record" in drawn[-1]
    assert printed(kernel, AFTER) == "cancelled True 0 True\n"
