"""Asks the prompts of a session again.

Guarantee: the engine is asked in a worker, one prompt after the other, and can be stopped within
one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.records import PromptRecord
from workbench.app.sessions.reading import SessionLine
from workbench.app.sessions.replay_panel import ReplayPanel
from workbench.app.sessions.tables import EntryTable
from workbench.app.widgets.choice import Choice
from workbench.app.widgets.model_picker import ModelPicker, TakenModel
from workbench.errors import EngineError
from workbench.models.spec import typed_values
from workbench.playground.replay import Replayed, replay, spec_again
from workbench.serving.remote.known_servers import named_here
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.models.spec import ModelSpec

AS_RECORDED = "as recorded"


class Replayer:
    """One replay at a time, shown in its panel.

    Attributes:
        said: What was said of the model of the last replay; nothing for the recorded ones.
    """

    def __init__(
        self,
        bench: WbApp,
        entries: EntryTable,
        panel: ReplayPanel,
        session: Callable[[], SessionLine | None],
    ) -> None:
        self._bench, self._entries, self._panel, self._session = bench, entries, panel, session
        self.said: dict[str, Any] = {}

    def one(self) -> None:
        """Ask the prompt under the cursor again."""
        entry = self._entries.entry
        if isinstance(entry, PromptRecord):
            self._choose_model([entry])

    def all(self) -> None:
        """Ask all prompts of the session again."""
        if prompts := [prompt for prompt in self._entries.prompts if prompt.answered]:
            self._choose_model(prompts)

    def _choose_model(self, records: list[PromptRecord]) -> None:
        from workbench.models.names import spec_name

        def find(token: CancelToken) -> list[Choice]:
            choices = [Choice(AS_RECORDED, "the model that answered then", AS_RECORDED)]
            try:
                choices += model_choices(self._bench.spec)
            except (WbError, OSError) as error:
                said = str(error)
                self._bench.call_soon(self._bench.notify, said, severity="warning", markup=False)
            return choices

        count = f"{len(records):,} prompts" if len(records) > 1 else "one prompt"
        picker = ModelPicker(
            f"Replay {count} with",
            find=find,
            specs=lambda value: specs_again(records, read_choice(value)),
            free="MODEL, MODEL +ADAPTER, --dtype fp32",
        )

        def chosen(taken: TakenModel | None) -> None:
            if taken is None:
                return
            try:
                said = read_choice(taken.value)
                spec = spec_again(records[0], said)
                told = named_here(spec.model) if said else ""
            except WbError as error:
                self._bench.fail(error)
                return
            if notes := [note for note in (clean(told), *taken.notes) if note]:
                self._bench.notify("\n".join(notes), severity="warning", markup=False)
            self.start(records, said, spec_name(spec) if said else AS_RECORDED)

        self._bench.push_screen(picker, chosen)

    def start(self, records: list[PromptRecord], said: dict[str, Any], name: str) -> None:
        """Ask `records` again.

        Args:
            records: In this order.
            said: What was said of the model; nothing where it is the one that answered each.
            name: What to call that.
        """
        self.said = said
        panel, session = self._panel, self._session()
        panel.screen.add_class("-replay", "-inside")
        log = replay_log(session.id if session else "session")
        panel.begin(len(records), name, kept_in=log.id)
        panel.rows.focus()
        self._bench.tasks.run("replay", lambda token: self._replay(token, records, said, log))

    def _replay(
        self, token: CancelToken, records: list[PromptRecord], said: dict[str, Any], log: SessionLog
    ) -> None:
        service = self._bench.engine()
        failure: Exception | None = None
        try:
            specs = [spec_again(record, said) for record in records]
            engine = service.client(specs)
            service.working("replay")
            for record, spec in zip(records, specs, strict=True):
                pair = replay(engine, record, spec, log=log, cancelled=token)
                if isinstance(pair.error, EngineError):
                    raise pair.error  # the engine is gone: the others would fail the same way
                if token.cancelled:
                    break
                self._bench.call_soon(self._take, token, pair)
        except Exception as error:
            failure = error
        service.refresh()
        if not token.cancelled:
            self._bench.call_soon(self._ended, token, failure)

    def _take(self, token: CancelToken, pair: Replayed) -> None:
        if not token.cancelled:
            self._panel.add(pair)

    def _ended(self, token: CancelToken, failure: Exception | None) -> None:
        if token.cancelled:
            return
        self._panel.end()
        if failure is not None:
            self._bench.fail(failure, "the engine cannot be asked")

    def stop(self) -> None:
        """Ask no more; what was answered stays."""
        self._bench.tasks.cancel("replay")
        self._panel.end()


def specs_again(records: list[PromptRecord], said: dict[str, Any]) -> list[ModelSpec]:
    """Whom the prompts would be asked of, each once. Raises `UsageError`."""
    return list(dict.fromkeys(spec_again(record, said) for record in records))


def read_choice(value: str | dict[str, Any]) -> dict[str, Any]:
    """What was chosen or typed, as `chosen_spec` takes it. Raises `UsageError`."""
    if value == AS_RECORDED:
        return {}
    return typed_values(value) if isinstance(value, str) else value


def replay_log(session_id: str) -> SessionLog:
    """A session of its own for the answers of a replay; its file comes with the first of them."""
    from sessions.ids import new_id
    from sessions.session_log import SessionLog

    return SessionLog.open(f"{session_id[:80]}.replay-{new_id()[-6:]}")


def model_choices(present: ModelSpec) -> list[Choice]:
    """The models and adapters that there are. Blocks shortly."""
    from workbench.app.widgets.choice import offered
    from workbench.models.offers import adapter_offers, model_offers

    return [
        offered(offer, lambda spec: {"model": spec.model, "adapter": spec.adapter})
        for offer in [*model_offers(), *adapter_offers(present.model, own_base=True)]
    ]
