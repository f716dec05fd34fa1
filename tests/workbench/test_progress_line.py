"""Progress on stderr: a line that is redrawn on a terminal, in a log one line now and then."""

from workbench.progress import Progress, StderrLine


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
