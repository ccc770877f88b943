import json

from benchmarks.synchronous import imports


def test_the_import_benchmark_prints_a_table_and_a_line_of_json(monkeypatch, capsys):
    monkeypatch.setattr(imports, "PACKAGE", "json")  # not the framework, whose import takes seconds
    imports.main(rounds=1)
    *table, line = capsys.readouterr().out.splitlines()
    figures = json.loads(line)["synchronous.client"]
    assert [figure["name"] for figure in figures] == ["import", "CPU", "peak"]
    assert any("synchronous.cli.command" in row for row in table)
