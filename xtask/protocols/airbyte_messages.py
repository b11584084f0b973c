"""The messages of a connector, judged by the official models and by the rules of the protocol."""

import json
import time
from collections import Counter, defaultdict

import jsonschema
from airbyte_protocol.models import AirbyteMessage, AirbyteStateBlob
from pydantic import BaseModel


FINAL = {"COMPLETE", "INCOMPLETE"}


def fail(what):
    raise SystemExit(f"DIFFERENT: {what}")




def refuse_extra(model, where):
    """The models let every further field pass; nothing but the state of a stream may have some."""
    if isinstance(model, AirbyteStateBlob):
        return
    if model.model_extra:
        fail(f"{where} has fields that the protocol does not know: {sorted(model.model_extra)}")
    for name in model.model_fields_set:
        value = getattr(model, name)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, BaseModel):
                refuse_extra(part, f"{where}.{name}")


def strict(line):
    """The message of a line, which must be one of the protocol without any conversion."""
    message = AirbyteMessage.model_validate_json(line, strict=True)
    refuse_extra(message, message.type.value)
    return json.loads(line)


class Read:
    """The messages of `read`, in their order."""

    def __init__(self, lines, schemas):
        self.messages = [strict(line) for line in lines]
        self.records = defaultdict(list)
        self.states = {}
        self.errors = []
        self.estimates = []
        self.limited = 0
        self.statuses = defaultdict(list)
        # How many records of a stream came since its last state.
        self.since = Counter()
        self.validators = {
            name: jsonschema.Draft7Validator(schema) for name, schema in schemas.items()
        }
        for message in self.messages:
            self.take(message)

    def take(self, message):
        body = message.get(message["type"].lower())
        match message["type"]:
            case "RECORD":
                self.record(body)
            case "STATE":
                name = body["stream"]["stream_descriptor"]["name"]
                count = body["sourceStats"]["recordCount"]
                if count != self.since.pop(name, 0):
                    fail(f"a state of {name} counts {count} records")
                self.states[name] = body
            case "TRACE" if body["type"] == "ERROR":
                self.errors.append(body["error"])
            case "TRACE" if body["type"] == "ESTIMATE":
                self.estimates.append(body["estimate"])
            case "TRACE":
                self.status(body["stream_status"])
            case "LOG":
                pass
            case other:
                fail(f"read writes {other}")

    def record(self, body):
        name, data = body["stream"], body["data"]
        if self.statuses[name][-1:] != ["RUNNING"]:
            fail(f"a record of {name} while its status is {self.statuses[name]}")
        if abs(body["emitted_at"] / 1000 - time.time()) > 600:
            fail(f"a record of {name} was emitted at {body['emitted_at']}")
        validator = self.validators[name]
        undeclared = data.keys() - validator.schema["properties"].keys()
        if undeclared:
            fail(f"a record of {name} has undeclared fields: {undeclared}")
        for error in validator.iter_errors(data):
            fail(f"a record of {name} is not of its schema: {error.message}")
        for change in body.get("meta", {}).get("changes", []):
            if data[change["field"]] is not None or change["change"] != "NULLED":
                fail(f"a record of {name} names a change that it does not have: {change}")
        self.records[name].append(data)
        self.since[name] += 1

    def status(self, body):
        name, status = body["stream_descriptor"]["name"], body["status"]
        known = self.statuses[name]
        for reason in body.get("reasons", []):
            self.limited += reason["type"] == "RATE_LIMITED"
            if reason["rate_limited"]["quota_reset"] < (time.time() - 600) * 1000:
                fail(f"{name} waits until {reason}")
        allowed = {
            "STARTED": not known,
            "RUNNING": known and not FINAL & set(known),
            "COMPLETE": known and not FINAL & set(known),
            "INCOMPLETE": known and not FINAL & set(known),
        }
        if not allowed[status]:
            fail(f"the status of {name} is {status} after {known}")
        known.append(status)

    def state(self):
        """The last state of each stream, as the platform gives it to the next read."""
        return list(self.states.values())

    def bare_state(self):
        """The same without the number of records."""
        return [state["stream"] for state in self.state()]

    def final(self):
        """The last status of each stream."""
        return {name: known[-1] for name, known in self.statuses.items()}
