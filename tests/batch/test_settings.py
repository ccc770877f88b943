import pytest
from sqlalchemy import make_url

from batch.connections.address import read_address
from batch.database import connect
from batch.errors import exit_in_one_line
from batch.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://batch:s3cret@db/batch"),
        ("DATABASE_URL", "mysql://batch:s3cret@db/batch"),
        ("DATABASE_URL", "s3cret"),
        ("DATABASE_URL", "mysql+pymysql://batch:word@s3cret@db/batch"),
        ("DATABASE_URL", "mysql+pymysql://batch:word@s3/cret@db/batch"),
        ("DATABASE_URL", "mysql+pymysql://batch:word@db:s3cret@db/batch"),
        ("DATABASE_PASSWORD_FILE", "/no/such/s3cret"),
        ("MODEL_VERSION", "s3cret"),
        ("LOG_LEVEL", "s3cret"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it_and_does_not_repeat_it(monkeypatch, capsys, name, value):
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://batch@db/batch")
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=r"^2$"), exit_in_one_line():
        connect(Settings())
    line = capsys.readouterr().err
    assert line.startswith(f"{name}: ")
    assert "s3cret" not in line
    assert line.find("\n") == len(line) - 1


@pytest.mark.parametrize("url", ["sqlite:////home/a@b/x.sqlite3", "mysql+pymysql://batch:word%40s3cret@[::1]:3306/b"])
def test_an_at_sign_is_refused_only_where_it_cuts_a_password(url):
    assert read_address(url, {})[0] == make_url(url)


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    monkeypatch.setenv("MODEL_VERSION", "")
    assert Settings().model_version is None


def test_the_settings_do_not_print_credentials():
    assert "s3cret" not in repr(Settings(database_url="mysql+pymysql://batch:s3cret@db/batch"))
