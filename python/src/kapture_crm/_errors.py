"""Why kapture failed: one exception for each of its exit codes."""

from __future__ import annotations


class KaptureError(Exception):
    """Kapture failed. The subclasses say at what; this one is for what nobody expects.

    >>> import kapture_crm
    >>> try:
    ...     kapture_crm.status("no-such-folder/")
    ... except kapture_crm.KaptureError as error:
    ...     print(error.exit_code, error.hint is not None)
    6 True
    """

    exit_code: int | None
    """The exit code of the process; negative if a signal ended it, as in `subprocess`."""
    message: str
    """What failed and why, in one line."""
    hint: str | None
    """What to do next."""

    def __init__(self, message: str, hint: str | None = None, exit_code: int | None = None) -> None:
        """Take the words of the program."""
        super().__init__(message, hint, exit_code)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return the message, and the hint in a second line."""
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"


class UsageError(KaptureError):
    """Wrong arguments or configuration (exit code 2)."""


class TokenError(KaptureError):
    """The server refused the token (exit code 3)."""


class RefusedError(KaptureError):
    """The server refused a request, or its answer cannot be used (exit code 4)."""


class UnreachableError(KaptureError):
    """The server cannot be reached, or kept failing (exit code 5)."""


class DestinationError(KaptureError):
    """The destination cannot be written or read (exit code 6)."""


class DifferencesError(KaptureError):
    """Days differ from the server, or are too old (exit code 7)."""


class StoppedError(KaptureError):
    """A signal stopped the run (exit codes 129, 130 and 143)."""


_BY_EXIT_CODE: dict[int, type[KaptureError]] = {
    2: UsageError,
    3: TokenError,
    4: RefusedError,
    5: UnreachableError,
    6: DestinationError,
    7: DifferencesError,
    129: StoppedError,
    130: StoppedError,
    143: StoppedError,
}


def of_exit(exit_code: int, message: str | None, hint: str | None) -> KaptureError:
    """Return the exception for a process that ended with `exit_code`."""
    if exit_code < 0:
        # A signal that kapture does not handle, such as SIGKILL from the out-of-memory killer.
        return StoppedError(f"kapture was killed by signal {-exit_code}", None, exit_code)
    kind = _BY_EXIT_CODE.get(exit_code, KaptureError)
    return kind(message or f"kapture ended with exit code {exit_code}", hint, exit_code)
