"""One run of the program: started, read, and ended with this object at the latest."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from kapture_crm import _errors
from kapture_crm._arguments import Arguments
from kapture_crm._binary import find_kapture

_LOGGER = logging.getLogger("kapture_crm")
# An error becomes an exception, and is not said twice.
_LEVELS = {"ERROR": logging.DEBUG, "WARN": logging.WARNING, "INFO": logging.INFO}

# How long a run may take to end after SIGTERM: it ends the commit of a day.
_SECONDS_TO_END = 10

# The pipe holds a record batch, so that the program and its reader work at the same time.
_PIPE_BYTES = 1024 * 1024


class Process:
    """A run of kapture whose standard output is read here.

    It belongs to the process that started it: a fork of that process neither reads nor ends it.
    """

    def __init__(self, arguments: Arguments) -> None:
        """Start the program."""
        with tempfile.TemporaryFile() as days:
            if arguments.days is not None:
                days.write(arguments.days.encode())
                days.seek(0)
            # Unbuffered, since a buffer has a lock, which a fork may copy while it is held.
            self._child = subprocess.Popen(
                [find_kapture(), "--log-format=json", *arguments.words],
                bufsize=0,
                stdin=days,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=arguments.environment(),
                pipesize=_PIPE_BYTES,
            )
        self._owner = os.getpid()
        self.is_at_end = False
        """Whether its standard output was read to its end."""
        self._messages = _Messages(_opened(self._child.stderr))
        self._finalizer = weakref.finalize(self, _end, self._child, self._owner)
        _RUNNING.add(self)

    @property
    def is_of_this_process(self) -> bool:
        """Whether this process started it, and is no fork of that process."""
        return os.getpid() == self._owner

    def read(self, size: int) -> bytes:
        """Read so many bytes of standard output, or less at its end."""
        pipe = self._stdout()
        parts, missing = [], size
        while missing:
            part = pipe.read(missing)
            if not part:
                self.is_at_end = True
                break
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def lines(self) -> Iterator[bytes]:
        """Read whole lines of standard output. What follows the last line break is no line."""
        yield from _lines(self._stdout())

    def finish(self, success: tuple[int, ...] = (0,)) -> dict[str, Any] | None:
        """Wait for the end of the program, whose output was read to its end.

        Returns the summary of the run, if it printed one.

        Raises
        ------
        KaptureError
            Unless the exit code is one of `success`.

        """
        exit_code = self._child.wait()
        self._messages.wait()
        self.close()
        if exit_code not in success:
            raise self._messages.error(exit_code)
        return self._messages.summary

    def close(self) -> None:
        """End the program, if it is still running, and wait for it."""
        self._finalizer()

    def forget(self) -> None:
        """Leave the program to the process that this one is a fork of."""
        self._finalizer.detach()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for pipe in (self._child.stdout, self._child.stderr):
            # The program would not notice that its reader has ended while a fork holds the pipe.
            if pipe is not None and not pipe.closed:
                os.dup2(nowhere, pipe.fileno(), inheritable=False)
        os.close(nowhere)

    def _stdout(self) -> IO[bytes]:
        if not self.is_of_this_process:
            raise RuntimeError("a run of kapture cannot be read in a fork of its process")
        return _opened(self._child.stdout)


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("the run of kapture has no such pipe")
    return pipe


def _lines(pipe: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := pipe.read(_PIPE_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def _end(child: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return
    # A program that waits for this end of the pipe does not notice the signal.
    if child.stdout is not None:
        child.stdout.close()
    if child.poll() is not None:
        return
    child.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            child.wait(_SECONDS_TO_END)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


class _Messages:
    """Reads standard error, which has JSON lines, in a thread: the program never waits for it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.summary: dict[str, Any] | None = None
        self._errors: list[dict[str, Any]] = []
        # What is no JSON: the words of a panic, for example.
        self._other: deque[str] = deque(maxlen=20)
        self._thread = threading.Thread(
            target=self._read, args=(pipe,), name="kapture-messages", daemon=True
        )
        self._thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in _lines(pipe):
                self._add(line.decode(errors="replace"))

    def _add(self, line: str) -> None:
        try:
            message = json.loads(line)
            level, text = message["level"], message["message"]
        except (ValueError, TypeError, KeyError):
            self._other.append(line)
            return
        self.summary = message.get("summary", self.summary)
        if level == "ERROR":
            self._errors.append(message)
        _LOGGER.log(_LEVELS.get(level, logging.DEBUG), "%s", text)

    def wait(self) -> None:
        """Wait for the last message of a program that has ended.

        A program that it started, such as a password command, may still hold the pipe.
        """
        self._thread.join(_SECONDS_TO_END)

    def error(self, exit_code: int) -> _errors.KaptureError:
        """Return the exception for the errors that were printed."""
        lines = [": ".join([one["message"], *one.get("causes", [])]) for one in self._errors]
        hint = self._errors[-1].get("hint") if self._errors else None
        return _errors.of_exit(exit_code, "\n".join(lines or self._other) or None, hint)


_RUNNING: weakref.WeakSet[Process] = weakref.WeakSet()


def _after_fork() -> None:
    for process in list(_RUNNING):
        process.forget()
    _RUNNING.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
