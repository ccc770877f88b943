import logging
import sys

from batch.progress import report as progress


def test_without_a_terminal_progress_is_a_line_every_few_seconds(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    with progress.progress("predicted", 200) as report:
        report(50)
    assert caplog.messages[0].startswith("predicted: 50 of 200 rows, ")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 10)
    with progress.progress("predicted", 200) as report:
        report(100)
    assert len(caplog.messages) == 1


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.progress("predicted", 200) as report:
        report(200)
    assert "200/200" in capsys.readouterr().err
