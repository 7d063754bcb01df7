"""Errors a user can act on, and the one line they become."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec


class InputError(ValueError):
    """Something the user gave cannot be used: the message is one line naming the file or option, the
    expectation, what was found, and what to do. Command lines print it without a traceback."""


# what a user can mend, a folder's permissions and a full disk included
USERS = (InputError, OSError, UnicodeDecodeError)
P = ParamSpec("P")


def explain(error: Exception) -> str:
    """One line for one of USERS."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path and its permissions"
    if isinstance(error, UnicodeDecodeError):
        return f"expected text in UTF-8, got the byte 0x{error.object[error.start]:02x}; is this a text file?"
    return " ".join(str(error).split())


def in_one_line(main: Callable[P, int | None]) -> Callable[P, int]:
    """``main`` that prints what a user can mend in one line, without a traceback, and returns 2 then, else its status."""

    @wraps(main)
    def run(*arguments: P.args, **options: P.kwargs) -> int:
        try:
            return main(*arguments, **options) or 0
        except USERS as error:
            print(f"error: {explain(error)}", file=sys.stderr)
            return 2

    return run
