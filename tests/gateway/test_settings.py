from __future__ import annotations

from pathlib import Path

import pytest

from metier.errors import BadOption, UnreadableData
from metier.gateway import settings


def written(folder: Path, text: str) -> Path:
    path = folder / "metier.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_serve_this_machine_alone() -> None:
    said = settings.read(None, {})
    assert (said.host, said.fallback, said.reachable) == ("127.0.0.1", "abstain", False)


def test_options_stand_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'port = 1\nhost = "localhost"\nqueue_rows = 7')
    said = settings.read(path, {"METIER_PORT": "2", "METIER_HOST": "::1"}, port=3)
    assert (said.port, said.host, said.queue_rows) == (3, "::1", 7)


def test_a_name_with_two_lines_between_reaches_into_a_table() -> None:
    environment = {"METIER_UPSTREAM__URL": "http://127.0.0.1:1/v1", "METIER_UPSTREAM__MODEL": "m"}
    said = settings.read(None, {**environment, "METIER_FALLBACK": "upstream", "METIER_DATA": "not a setting"})
    assert said.upstream is not None
    assert said.upstream.url == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot = 1", "there is no setting 'prot'. Did you mean 'port'?"),
        ("port = 99999", "port"),
        ('fallback = "guess"', "fallback"),
        ("[upstream]\nurl = 'http://x/v1'\nmodel = 'm'\nmoney = 1", "money"),
        ('fallback = "upstream"', "there is none. Add [upstream]"),
        ('host = "0.0.0.0"', "no keys are asked for. Make some"),
        ("[upstream]\nurl = 'ftp://x'\nmodel = 'm'", "Expected http:// or https://"),
        ("[upstream]\nurl = 'http://x'\nmodel = 'm'\nkey_env = 'NO_SUCH_KEY'", "NO_SUCH_KEY, which is not set"),
        ("[assistant]\nfolder = 'bank'\norigins = ['bank.example']", "Expected https://www.bank.example"),
        ("[assistant]\nfolder = 'bank'\nlogin_secret_env = 'NO_SUCH_SECRET'", "NO_SUCH_SECRET, which is not set"),
        ("keys = 'k'\nhost = '0.0.0.0'\n[assistant]\nfolder = 'bank'\ncustomer = 'ana'", "so that everybody would be"),
        ("workers = 2\n[assistant]\nfolder = 'bank'", "a stand-in of their own"),
        ('[specialists.bank]\nfallback = "upstream"', "there is none. Add [upstream]"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(BadOption) as caught:
        settings.read(written(tmp_path, text), {})
    assert expected in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("text", ["port = ", "\x00"])
def test_what_is_no_toml_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableData, match="no TOML"):
        settings.read(written(tmp_path, text), {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="No such file"):
        settings.read(tmp_path / "none.toml", {})
