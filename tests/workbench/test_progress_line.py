"""Progress on stderr: a line that is redrawn on a terminal, in a log one line now and then."""

from workbench.progress import Progress, Reporter, StderrLine, telling_load


def test_a_log_ends_with_how_far_it_came_and_so_does_each_part(capsys):
    line = StderrLine()
    for what in ("first", "second"):
        for done in range(0, 61, 16):
            line(Progress(done, 60, 1.0, what))
        line(Progress(60, 60, 1.0, what))
    line.end()
    said = capsys.readouterr().err.splitlines()
    assert "first 60/60" in said[-2] and "second 60/60" in said[-1]
    assert len(said) == 3, "what lies between is not told line by line"


def test_nothing_is_said_twice_at_the_end(capsys):
    line = StderrLine()
    line(Progress(60, 60, 1.0, "all"))
    line.end()
    line.end()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_load_says_no_count_of_the_samples_to_come():
    said: list[str] = []
    tell = Reporter(lambda report: said.append(report.words()))
    tell.before(0, 0, "loading demo", force=True)
    telling_load(tell, 0, 40, "demo")("weights: 1 MB of 4 MB", 0.25)
    tell(0, 40, "demo/test", force=True)
    assert said == ["loading demo", "demo/test 0/40"]  # what follows at once is dropped
