"""The commands of kapture as functions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, TypeAlias

from kapture_crm import _arguments
from kapture_crm._arguments import Option
from kapture_crm._customers import Customers
from kapture_crm._process import Process

Where: TypeAlias = str | os.PathLike[str]


def pull(**options: Option) -> Customers:
    """Return the customers that were created on some days, each once.

    The options are those of `kapture pull`, written as keywords: `from_` and `to`, `last="7d"`, or
    `days` with a list of dates; `profile`, or `subdomain`, `cm_id` and `token`; `sandbox=True` for
    invented customers; filters such as `zone` and `attribute={3: "gold"}`; limits such as
    `max_rps`; and `with_created_date=True` for a column with the day of each customer.

    `token`, `user`, `password` and `hash_key` are handed to the program in its environment, where
    no other user sees them.

    The pull begins when the customers are read: `Customers` says how, and what it raises.

    >>> import kapture_crm
    >>> customers = kapture_crm.pull(from_="2024-05-01", to="2024-05-07", sandbox=True)
    >>> customers.to_arrow().num_rows
    266
    """
    return Customers(_arguments.of(["pull", "--output=-", "--format=arrow"], options))


def records(**options: Option) -> Iterator[dict[str, Any]]:
    """Pull customers as dictionaries, with the keys and values of NDJSON. Needs no library.

    The options are those of `pull`. The iterator ends when all customers were read and the program
    has ended successfully; else it raises a `KaptureError`, and what was read before is not
    complete. Closing it ends the program.

    >>> import kapture_crm
    >>> records = kapture_crm.records(from_="2024-05-01", to="2024-05-07", sandbox=True)
    >>> len({record["id"] for record in records})
    266
    """
    return _lines(_arguments.of(["pull", "--output=-", "--format=ndjson"], options))


def sync(where: Where, **options: Option) -> dict[str, Any]:
    """Bring a folder, bucket or database up to date, and return the summary of the run.

    The options are those of `kapture sync`.

    >>> import kapture_crm
    >>> summary = kapture_crm.sync("new.db", from_="2024-05-01", to="2024-05-07", sandbox=True)
    >>> summary["days_done"], summary["customers"]
    (7, 266)
    """
    _, summary = _run(_arguments.of(["sync"], options, where))
    return summary or {}


def status(where: Where, **options: Option) -> dict[str, Any]:
    """Return which days a folder, bucket or database holds, as `kapture status --json` says it.

    >>> import kapture_crm
    >>> _ = kapture_crm.sync("out/", from_="2024-05-01", to="2024-05-07", sandbox=True)
    >>> status = kapture_crm.status("out/")
    >>> status["first"], status["last"], status["missing"]
    ('2024-05-01', '2024-05-07', [])
    """
    text, _ = _run(_arguments.of(["status", "--json"], options, where))
    found: dict[str, Any] = json.loads(text)
    return found


def verify(where: Where, **options: Option) -> list[dict[str, Any]]:
    """Pull days again, and return those that differ from a folder, bucket or database.

    The options are those of `kapture verify`. Each entry is what `--json` says of a day.

    >>> import kapture_crm
    >>> _ = kapture_crm.sync("out/", from_="2024-05-01", to="2024-05-07", sandbox=True)
    >>> kapture_crm.verify("out/", sandbox=True)
    []
    """
    arguments = _arguments.of(["verify", "--json"], options, where)
    return list(_lines(arguments, success=(0, _DIFFERENT)))


def changes(where: Where, **options: Option) -> Iterator[dict[str, Any]]:
    """Return what changed in a destination that keeps its history, as `kapture changes` prints it.

    The options are those of `kapture changes`, such as `since`. The fields have the names of
    Debezium: `op`, `ts_ms`, `before`, `after` and `source`.

    >>> import kapture_crm
    >>> options = {"from_": "2024-05-01", "to": "2024-05-07", "sandbox": True}
    >>> _ = kapture_crm.sync("history.db", history=True, **options)
    >>> sum(change["op"] == "c" for change in kapture_crm.changes("history.db"))
    266
    """
    return _lines(_arguments.of(["changes", "--format=ndjson"], options, where))


# The exit code of verify when days differ: that is a result.
_DIFFERENT = 7


def _run(arguments: _arguments.Arguments) -> tuple[bytes, dict[str, Any] | None]:
    process = Process(arguments)
    try:
        return b"\n".join(process.lines()), process.finish()
    finally:
        process.close()


def _lines(
    arguments: _arguments.Arguments, success: tuple[int, ...] = (0,)
) -> Iterator[dict[str, Any]]:
    process = Process(arguments)
    try:
        for line in process.lines():
            yield json.loads(line)
        process.finish(success)
    finally:
        process.close()
