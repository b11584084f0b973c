"""What a tenant holds, as records of the two streams: worked out here a second time, from the server's own answer."""

import re
import sys
from datetime import datetime, timedelta
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "interop"))

import documented


def kinds(described):
    pairs = (word.split(":") if ":" in word else ("", word) for word in described.split())
    return {key: kind for kind, key in pairs}


CUSTOMER, CONTACT = kinds(documented.CUSTOMER), kinds(documented.CONTACT)
# What kapture adds to a record.
ADDED = {"_ab_cdc_updated_at", "_ab_cdc_deleted_at", "customer_id", "position", "extra"}


def is_nothing(value):
    return value is None or isinstance(value, str) and not value.strip()


def local_time(value):
    """A date of the API as an ISO date-time, or None if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        time = datetime(1970, 1, 1) + timedelta(milliseconds=value)
        return time.isoformat(timespec="milliseconds" if time.microsecond else "seconds")
    if isinstance(value, dict):
        names = ("year", "month", "dayOfMonth", "hourOfDay", "minute")
        if not all(isinstance(value.get(name), int) for name in names):
            return None
        year, month, *rest = (value[name] for name in names)
        return datetime(year, month + 1, *rest, value.get("second", 0)).isoformat()
    text = re.sub(r"[,\s]+", " ", str(value))
    try:
        return datetime.strptime(text, "%b %d %Y %I:%M:%S %p").isoformat()
    except ValueError:
        return None


def typed(kind, value):
    """The value of a column of this kind, or None if the column cannot hold it."""
    try:
        match kind:
            case "i":
                return None if isinstance(value, bool | float | dict | list) else int(value)
            case "d":
                return None if isinstance(value, bool | dict | list) else float(value)
            case "f":
                return {"true": True, "false": False}.get(str(value).lower())
            case "t":
                return local_time(value)
            case _:
                return None if isinstance(value, dict | list) else str(value)
    except ValueError:
        return None


def fields(record, documented):
    """The fields of a record that have a value."""
    found = {}
    for key, value in record.items():
        if is_nothing(value) or key == "contacts" and isinstance(value, list):
            continue
        column = typed(documented[key], value) if key in documented else None
        found[key] = value if column is None else column
    return found


def customers(truth):
    """The records of the stream `customers` by their key."""
    return {int(record["id"]): fields(record, CUSTOMER) for record in truth}


def contacts(truth):
    """The records of the stream `contacts` by their key."""
    return {
        (int(record["id"]), position): fields(contact, CONTACT)
        for record in truth
        for position, contact in enumerate(listed(record["contacts"]))
    }


def listed(contacts):
    """The contacts of a customer: some servers send something else than a list."""
    return contacts if isinstance(contacts, list) else []


def without_envelope(data):
    """A record that kapture wrote: its fields that have a value, with those in `extra` in their place."""
    merged = {key: value for key, value in data.items() if key not in ADDED | {"contacts"}}
    merged |= data["extra"] or {}
    return {key: value for key, value in merged.items() if not is_nothing(value)}
