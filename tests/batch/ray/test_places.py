"""Where a run reads and writes: what it would find out at its end, it finds out at its beginning."""

import logging
import os

import pytest
from pyarrow import parquet

from batch.errors import ServiceError
from batch.ray.places import PlaceRefused, open_place
from batch.ray.run import SUCCESS, OutputRefused
from tests.batch.ray.conftest import NAMES, flowers, prepared, read, write
from tests.batch.ray.test_files import score


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "in.parquet", flowers(30))


@pytest.fixture
def begin(source, artifacts):
    def begin(output):
        run = prepared(source, output, artifacts / "iris", columns=NAMES)
        assert run.read_success() is None
        return run

    return begin


def test_an_output_that_could_not_get_its_name_is_refused_at_once(begin, tmp_path, monkeypatch):
    (tmp_path / "full" / "empty").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "mount").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: path.endswith("mount"))
    for name, why in {
        "full": "is not an output of this",
        "file": "is not an output of this",
        "mount": "is a mount",
    }.items():
        with pytest.raises(PlaceRefused, match=why):
            begin(tmp_path / name)
    assert not [*tmp_path.glob("*.unfinished")]


def test_an_output_behind_a_link_gets_its_name_where_the_link_leads(begin, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    score(begin(tmp_path / "link"))
    assert len(read(tmp_path / "real")) == len(read(tmp_path / "link")) == 30


def test_a_link_into_the_input_does_not_hide_that_the_output_is_in_it(artifacts, tmp_path):
    write(tmp_path / "in" / "x.parquet", flowers(3))
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for output in (tmp_path / "link" / "out", f"file://{tmp_path}/link/out"):
        with pytest.raises(PlaceRefused, match="are in each other"):
            prepared(tmp_path / "in", output, artifacts / "iris", columns=NAMES)


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"plan": 1}'])
@pytest.mark.parametrize("name", [f"out/{SUCCESS}", "out.unfinished/_plan.json"])
def test_the_output_of_another_program_is_refused(source, artifacts, tmp_path, name, content):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(content)
    run = prepared(source, tmp_path / "out", artifacts / "iris", columns=NAMES)
    with pytest.raises(OutputRefused, match=r"is (not an output of this command|of another run).*; choose another fol"):
        run.begin() if run.read_success() is None else None


def test_a_run_that_ended_while_it_wrote_its_plan_is_continued(begin, tmp_path):
    temporary = tmp_path / "out.unfinished" / "_temporary"
    temporary.mkdir(parents=True)
    (temporary / "1-_plan.json").touch()
    score(begin(tmp_path / "out"))
    assert len(read(tmp_path / "out")) == 30


def test_a_name_that_is_not_utf_8_is_refused_in_one_line(artifacts, tmp_path):
    name = os.fsdecode(b"caf\xe9.parquet")
    write(tmp_path / "in" / "x.parquet", flowers(3)).rename(tmp_path / "in" / name)
    with pytest.raises(PlaceRefused, match=r"in: the name of a file in it is not UTF-8$"):
        prepared(tmp_path / "in", tmp_path / "out", artifacts / "iris", columns=NAMES)
    with pytest.raises(PlaceRefused, match=r"caf\\udce9.parquet': its name is not UTF-8$"):
        open_place(name)


def test_files_of_a_folder_that_are_not_read_are_named(artifacts, tmp_path, caplog):
    for name in ("x.PARQUET", "y.parq", "z.snappy", "_SUCCESS"):
        write(tmp_path / "in" / name, flowers(3))
    with caplog.at_level(logging.INFO):
        run = prepared(tmp_path / "in", tmp_path / "out", artifacts / "iris", columns=NAMES)
    assert [part.file for part in run.parts] == ["x.PARQUET", "y.parq"]
    assert "files that are not read: z.snappy" in caplog.messages


def test_a_damaged_page_is_named_with_its_file_in_one_line(begin, source, tmp_path):
    content = bytearray(source.read_bytes())
    start = parquet.read_metadata(source).row_group(0).column(1).data_page_offset
    content[start : start + 40] = b"\xff" * 40
    source.write_bytes(content)
    with pytest.raises(ServiceError, match=r"^\S*in.parquet cannot be read: [^\n]+$"):
        score(begin(tmp_path / "out"))
    assert not [*(tmp_path / "out.unfinished").glob("part-*")]
