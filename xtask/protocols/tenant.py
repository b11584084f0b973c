"""A fake tenant of kapture sandbox, and what must be received of it."""

import datetime
import decimal
import json
import re
import subprocess
import urllib.request

ACCOUNT = 424242
# The token of every sandbox: sandbox:sandbox.
TOKEN = "c2FuZGJveDpzYW5kYm94"
FIRST, LAST = "2024-05-01", "2024-05-07"


class Tenant:
    def __init__(self, kapture, *options):
        self.process = subprocess.Popen(
            [kapture, "sandbox", "--quiet", *options], stdout=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def settings(self, **more):
        return {
            "base_url": self.url,
            "cm_id": ACCOUNT,
            "token": TOKEN,
            "start_date": FIRST,
            "end_date": LAST,
            "time_zone": "UTC",
            **more,
        }

    def edit(self, *lines):
        body = "\n".join(lines).encode()
        urllib.request.urlopen(f"{self.url}/sandbox/edits", data=body).close()

    def truth(self, first=FIRST, last=LAST):
        """The records as the tenant sends them, by id."""
        query = f"{self.url}/sandbox/truth?from={first}&to={last}"
        with urllib.request.urlopen(query) as answer:
            lines = answer.read().decode().splitlines()
        records = (json.loads(line) for line in lines)
        return {int(record["id"]): record for record in records}


def equal(sent, received, schema):
    """Fails unless a received record has every value that was sent. Returns how many were compared."""
    compared = 0
    extra = received["extra"] or {}
    for name, value in sent.items():
        if name in ("id", "contacts"):
            continue
        kinds = schema["properties"].get(name, {}).get("type")
        blank = value is None or isinstance(value, str) and not value.strip()
        if kinds is None:
            assert name in extra and extra[name] == (None if blank else value), (name, value, extra)
        elif blank:
            assert received[name] is None, (name, value, received[name])
        elif "pattern" in schema["properties"][name]:
            date = local_time(value)
            if date is not None:
                assert received[name].startswith(date), (name, value, received[name])
            elif received[name] is None:
                assert extra[name] == value, (name, value, extra)
        elif is_of(value, kinds):
            if isinstance(received[name], decimal.Decimal):
                received[name] = float(received[name])
            assert received[name] == value, (name, value, received[name])
        elif received[name] is None:
            assert extra[name] == value, (name, value, extra)
        else:
            assert str(received[name]).lower() == str(value).lower(), (name, value, received[name])
        compared += 1
    return compared


def is_of(value, kinds):
    """Whether a value is of one of these JSON types."""
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, int):
        return "integer" in kinds or "number" in kinds
    if isinstance(value, float):
        return "number" in kinds
    return isinstance(value, str) and "string" in kinds


def local_time(value):
    """The documented form of a date, in the form of ISO."""
    if not isinstance(value, str):
        return None
    text = re.sub(r"(\d{4}),", r"\1", value.replace("\u202f", " "))
    try:
        return datetime.datetime.strptime(text, "%b %d, %Y %I:%M:%S %p").isoformat()
    except ValueError:
        return None


def customers_equal(truth, received, schema):
    """Fails unless the received customers, by id, are those of the tenant, with all values and contacts."""
    assert set(received) == set(truth), (len(received), len(truth))
    contact = schema["properties"]["contacts"]["items"]
    compared = 0
    for number, sent in truth.items():
        customer = received[number]
        compared += equal(sent, customer, schema)
        if isinstance(sent.get("contacts"), list):
            assert len(customer["contacts"]) == len(sent["contacts"]), number
            for there, here in zip(sent["contacts"], customer["contacts"]):
                compared += equal(there, here, contact)
    assert compared > 50 * len(truth), compared
