"""Explore's random walk: the samples of a seed, one key each."""

from __future__ import annotations

from workbench.app.explore.controller import Controller


class RandomSamples(Controller):
    """Those of `wb gallery --random N --seed S`, over what the filter leaves."""

    def step(self) -> None:
        """Another sample of the walk."""
        from workbench.data.permutation import draw

        samples, source = self.widgets.samples, self.view.source
        filtered = samples.matches is not None
        length = samples.count if filtered else samples.length
        if length == 0 or source is None:
            return
        over = f"{source.dataset}/{source.split} {self.view.filter.text}"
        walk = self.state.walk
        step = walk.step if walk.over == over else 0
        step = step % length if length else step
        walk.over, walk.step = over, step + 1
        line = draw(length, step + 1, walk.seed)[-1]
        ordinal = samples.ordinal_at(line) if filtered else line
        if ordinal is not None:
            samples.go_to(ordinal)

    def choose_seed(self) -> None:
        """Choose the seed, and walk from its first sample."""
        from workbench.app.widgets.picker import LineForm

        walk = self.state.walk

        def take(values: list[str] | None) -> None:
            if values:
                walk.seed, walk.step = int(values[0]), 0
                self.step()

        lines = [("seed", str(walk.seed))]
        form = LineForm("Random walk", lines, does="walk from here", check=_seed_problem)
        self.bench.push_screen(form, take)


def _seed_problem(values: list[str]) -> str:
    try:
        int(values[0])
    except ValueError:
        return f"seed wants a whole number, got {values[0].strip()!r}"
    return ""
