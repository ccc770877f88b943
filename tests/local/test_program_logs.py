import textwrap

import pytest

from local import servers
from local.processes import ROOT, ProgramFailed

FAILING = """
    import subprocess, sys
    from pathlib import Path
    from local.processes import Program, wait_until

    def test_it(tmp_path):
        said = [sys.executable, "-c", "print('the last words')"]
        program = Program("speaker", said, lambda: True, tmp_path / "log")
        wait_until(lambda: program.poll() is not None)
        assert False

    def test_a_command():
        subprocess.run([sys.executable, "-c", "exit('the reason')"], check=True, capture_output=True)

    def test_that_passes(tmp_path):
        Program("silent", [sys.executable, "-c", ""], lambda: True, tmp_path / "log").wait()
"""


def test_a_failed_test_shows_the_output_of_its_programs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(textwrap.dedent(FAILING))
    result = pytester.runpytest_subprocess("-p", "tests.program_logs")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*speaker, exit code 0, end of its log*", "the last words"])
    result.stdout.fnmatch_lines(["*python*, end of its output*", "the reason"])
    result.stdout.no_fnmatch_line("*silent*")


def test_a_database_that_cannot_create_its_folder_reports_the_reason(tmp_path, free_port, monkeypatch):
    installer = tmp_path / "mariadb-install-db"
    installer.write_text("#!/bin/sh\necho 'the disk is full' >&2\nexit 3\n")
    installer.chmod(0o755)
    monkeypatch.setattr(servers, "executable", lambda *names: str(installer))
    with pytest.raises(ProgramFailed, match=r"(?s)exit code 3.*the disk is full"):
        servers.mariadb_server(free_port(), tmp_path / "data")
