"""The error a user can act on."""


class InputError(ValueError):
    """Something the user gave cannot be used: the message is one line naming the file or option, the
    expectation, what was found, and what to do. Command lines print it without a traceback."""
