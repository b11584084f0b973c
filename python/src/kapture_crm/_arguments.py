"""Keyword arguments as the options of the command line, and secrets as its environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | date | os.PathLike[str]
"""A value of one option. Dates are written as YYYY-MM-DD."""

Option: TypeAlias = Scalar | bool | Iterable[Scalar] | Mapping[Scalar, Scalar] | None
"""An option: `True` for a flag, a list or a mapping for an option that can be repeated."""

# What no command line has, since every process on the machine can read arguments.
_SECRETS = {
    "token": "KAPTURE_TOKEN",
    "user": "KAPTURE_USER",
    "password": "KAPTURE_PASSWORD",
    "hash_key": "KAPTURE_HASH_KEY",
}

# A token of the environment would go before a password.
_BEFORE_PASSWORD = ("KAPTURE_TOKEN", "KAPTURE_TOKEN_FILE")

# Options whose value is a list with commas. Others are repeated.
_WITH_COMMAS = {"drop", "hash", "refresh"}

# The package reads the messages of the program.
_RESERVED = {"log_format", "quiet"}


@dataclass
class Arguments:
    """What a process is started with."""

    words: list[str]
    """The command and its options."""
    secrets: dict[str, str | None] = field(default_factory=dict, repr=False)
    """Environment variables to set, or to remove."""
    days: str | None = None
    """What is written to standard input: the days of `days=[…]`."""

    def environment(self) -> dict[str, str]:
        """Return the environment of the process."""
        environment = dict(os.environ)
        for name, value in self.secrets.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment


def of(
    command: list[str],
    options: Mapping[str, Option],
    destination: str | os.PathLike[str] | None = None,
) -> Arguments:
    """Translate keyword arguments: `max_rps=5` is `--max-rps=5`, `from_` is `--from`."""
    arguments = Arguments(list(command))
    # Each function reads the output of the program in a certain form.
    reserved = _RESERVED | {word.lstrip("-").partition("=")[0] for word in command}
    for keyword, value in options.items():
        name = keyword.rstrip("_")
        if name in reserved:
            raise TypeError(f"the option {keyword} is set by this function")
        if value is None or value is False:
            continue
        if name in _SECRETS:
            arguments.secrets[_SECRETS[name]] = str(value)
            if name == "password":
                arguments.secrets |= dict.fromkeys(_BEFORE_PASSWORD)
        elif name == "days" and not isinstance(value, str | os.PathLike):
            arguments.words += ["--days", "-"]
            arguments.days = "".join(f"{day}\n" for day in _texts(keyword, value))
        else:
            arguments.words += _words(keyword, value)
    if destination is not None:
        # Behind all options, since a path may begin with a hyphen.
        arguments.words += ["--", os.fspath(destination)]
    return arguments


def _words(keyword: str, value: Option) -> list[str]:
    name = keyword.rstrip("_")
    flag = "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    values = _texts(keyword, value)
    if name in _WITH_COMMAS:
        values = [",".join(values)]
    # One word, since a value may begin with a hyphen, as -7d does.
    return [f"{flag}={value}" for value in values]


def _texts(keyword: str, value: Option) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{_text(keyword, key)}={_text(keyword, value)}" for key, value in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, str | os.PathLike):
        return [_text(keyword, value) for value in value]
    return [_text(keyword, value)]


def _text(keyword: str, value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{keyword}: expected text, a number, a date or a path, not {value!r}")
