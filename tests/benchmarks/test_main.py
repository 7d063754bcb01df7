"""``python -m benchmarks``: the list, one benchmark by name, and a name that is none."""

import sys

import pytest

from benchmarks import __main__ as entry


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    return entry.main()


def test_the_list_has_all_and_examples(monkeypatch, capsys) -> None:
    assert run(monkeypatch) == 0
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in entry.NAMES)
    assert "examples:" in told
    homes = {path.name.removesuffix(".py") for path in entry.HOME.iterdir()}
    assert set(entry.NAMES) <= homes


@pytest.mark.parametrize("name", entry.NAMES)
def test_each_has_help(name: str, monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, name, "--help")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


def test_an_unknown_name_is_one_line(monkeypatch, capsys) -> None:
    assert run(monkeypatch, "speed") == 2
    assert capsys.readouterr().err.startswith("error: benchmark: expected one of dense_vs_sparse, convolution")
