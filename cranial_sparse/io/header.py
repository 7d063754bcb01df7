"""Text headers (NRRD, MetaImage) as names and numbers, whatever a damaged file holds instead."""

from pathlib import Path

from cranial_sparse.errors import InputError


def printable(line: bytes) -> str:
    """A header line as text, with what no terminal can show replaced, since messages quote it."""
    return "".join(letter if letter.isprintable() else "?" for letter in line.decode("utf-8", "replace").strip())


def numbers(fields: dict[str, str], name: str, path: Path, default: str = "") -> list[float]:
    """The numbers of a field. Raises InputError where there are none or something else is there."""
    text = fields.get(name, default)
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if not values:
        raise InputError(f"{path}: corrupt header, expected numbers for '{name}', got '{text}'; copy or save it again")
    return values


def integer(fields: dict[str, str], name: str, path: Path, default: int) -> int:
    """A field's whole number, ``default`` where it is missing. Raises InputError where it is none."""
    value = numbers(fields, name, path, str(default))[0]
    if not value.is_integer():
        raise InputError(f"{path}: corrupt header, expected a whole number for '{name}', got {value:g}")
    return int(value)


def sizes(fields: dict[str, str], name: str, path: Path) -> tuple[int, ...]:
    """An array's sizes. Raises InputError where one is not a positive whole number."""
    values = numbers(fields, name, path)
    if not all(value.is_integer() and value >= 1 for value in values):
        raise InputError(f"{path}: corrupt header, expected positive sizes for '{name}', got '{fields[name]}'")
    return tuple(int(value) for value in values)
