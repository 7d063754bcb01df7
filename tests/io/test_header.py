from pathlib import Path

import pytest

from cranial_sparse.errors import InputError
from cranial_sparse.io.header import integer, numbers, printable, sizes

FILE = Path("a.mha")
FIELDS = {"spacing": "0.5 1e0 2", "sizes": "2 3 4", "zero": "2 0 4", "half": "1.5", "words": "two"}


def test_fields_become_numbers() -> None:
    assert numbers(FIELDS, "spacing", FILE) == [0.5, 1.0, 2.0]
    assert numbers(FIELDS, "missing", FILE, "1 2") == [1.0, 2.0]
    assert sizes(FIELDS, "sizes", FILE) == (2, 3, 4)
    assert integer(FIELDS, "missing", FILE, -1) == -1


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: numbers(FIELDS, "words", FILE), "expected numbers for 'words', got 'two'"),
        (lambda: numbers(FIELDS, "missing", FILE), "expected numbers for 'missing'"),
        (lambda: sizes(FIELDS, "zero", FILE), "expected positive sizes for 'zero', got '2 0 4'"),
        (lambda: integer(FIELDS, "half", FILE, 0), "expected a whole number for 'half', got 1.5"),
    ],
)
def test_anything_else_is_one_clear_line(read, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read()
    assert str(caught.value).startswith("a.mha: ")


def test_lines_are_fit_for_a_terminal() -> None:
    assert printable(b" space: \x1b[31mleft\0\xff\r\n") == "space: ?[31mleft?\N{REPLACEMENT CHARACTER}"
