"""Runs the connector for Airbyte: airbyte_source.py KAPTURE GUIDE. The current folder is written to.

Every message must be one of the official models, the records must be those of the tenant, nothing may be lost when a
read is killed, PyAirbyte must read all of it into DuckDB, and what the page GUIDE shows must work.
"""

import base64
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import textwrap

import yaml

import truth
from airbyte_messages import Read, fail, strict
from tenant import TOKEN, Tenant

KAPTURE, GUIDE = map(pathlib.Path, sys.argv[1:3])
SOURCE = KAPTURE.with_name("source-kapture")
ODD = ["--odd", "--customers", "0..60"]
WRONG = base64.b64encode(b"nobody:nobody").decode()
# How many reads are killed.
KILLS = 5


def expect(found, expected, what):
    if found != expected:
        fail(f"{what}: {found!r}, not {expected!r}")


class Source:
    """The connector with one configuration."""

    def __init__(self, config):
        self.config = config
        self.schemas = {}

    def arguments(self, command, **files):
        """The command line, whose files have these contents."""
        words = [SOURCE, command]
        if command != "spec":
            files = {"config": self.config, **files}
        for name, content in files.items():
            path = pathlib.Path(f"{name}.json").absolute()
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            words += [f"--{name}", path]
        return words

    def run(self, command, **files):
        done = subprocess.run(self.arguments(command, **files), capture_output=True, text=True)
        self.refuse_secrets(done.stdout + done.stderr)
        return done

    def refuse_secrets(self, text):
        for secret in (TOKEN, "sandbox:sandbox", WRONG):
            if secret in text:
                fail(f"a secret is in {text}")

    def check(self):
        done = self.run("check")
        expect(done.returncode, 0, "exit code of check")
        (message,) = map(strict, done.stdout.splitlines())
        return message["connectionStatus"]

    def discover(self):
        done = self.run("discover")
        (message,) = map(strict, done.stdout.splitlines())
        streams = message["catalog"]["streams"]
        self.schemas = {stream["name"]: stream["json_schema"] for stream in streams}
        return streams

    def catalog(self, mode="incremental"):
        streams = [
            {
                "stream": stream,
                "sync_mode": mode,
                "destination_sync_mode": "append_dedup",
                "cursor_field": stream["default_cursor_field"],
                "primary_key": stream["source_defined_primary_key"],
                # Fields of newer catalogs.
                "generation_id": 3,
                "minimum_generation_id": 0,
                "sync_id": 30,
                "include_files": False,
                "unheard_of": {},
            }
            for stream in self.discover()
        ]
        return {"streams": streams}

    def read(self, state=(), mode="incremental", code=0):
        """The messages of a whole read, which must end with this exit code."""
        catalog = self.catalog(mode)
        done = self.run("read", catalog=catalog, state=state if isinstance(state, str) else list(state))
        expect(done.returncode, code, f"exit code of read: {done.stderr}")
        return Read(done.stdout.splitlines(), self.schemas)

    def read_and_kill(self, at):
        """The messages of a read that is killed after so many lines."""
        arguments = self.arguments("read", catalog=self.catalog())
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        lines = [process.stdout.readline() for _ in range(at)]
        process.kill()
        # What was still in the pipe came, too; a line may be cut.
        lines += process.stdout.read().splitlines(keepends=True)
        process.wait()
        return Read([line for line in lines if line.endswith(b"\n")], self.schemas)


def key_of(record, stream):
    return record["id"] if stream == "customers" else (record["customer_id"], record["position"])


def keyed(records, stream):
    """The last record of each key, without those that are deleted."""
    found = {key_of(record, stream): record for record in records}
    return {key: record for key, record in found.items() if record["_ab_cdc_deleted_at"] is None}


def equal(records, tenant, what, *days):
    """Compares the records of both streams with what the tenant holds."""
    held = tenant.truth(*days).values()
    for stream, expected in (("customers", truth.customers(held)), ("contacts", truth.contacts(held))):
        found = keyed(records[stream], stream)
        if found.keys() != expected.keys():
            missing, other = expected.keys() - found.keys(), found.keys() - expected.keys()
            fail(f"{what}: {stream}: {sorted(missing)[:5]} missing, {sorted(other)[:5]} unexpected")
        for key, record in found.items():
            expect(truth.without_envelope(record), expected[key], f"{what}: {stream} {key}")
        if stream == "customers":
            nested = {
                (id, position): contact
                for id, record in found.items()
                for position, contact in enumerate(record["contacts"] or [])
            }
            expect(len(nested), len(truth.contacts(held)), f"{what}: contacts of customers")
        print(f"{what}: {len(found)} records of {stream} are those of the tenant")


def commands(tenant):
    """What the commands say of a good and of bad configurations."""
    source = Source(tenant.settings())
    (spec,) = map(strict, source.run("spec").stdout.splitlines())
    expect(spec["type"], "SPEC", "the message of spec")
    expect(source.check()["status"], "SUCCEEDED", "check")
    for changed in ({"token": WRONG}, {"base_url": "http://127.0.0.1:9"}, {"start_date": "soon"}):
        expect(Source({**source.config, **changed}).check()["status"], "FAILED", f"check with {changed}")


def reads(tenant, what):
    """A read from nothing, one from its state, and full refreshes."""
    source = Source(tenant.settings())
    first = source.read()
    equal(first.records, tenant, f"{what}, incremental")
    expect(set(first.final().values()), {"COMPLETE"}, "the last statuses")
    if not first.estimates:
        fail("no estimate")
    second = source.read(first.state())
    expect(dict(second.records), {}, "records of a second read without news")
    expect(second.bare_state(), first.bare_state(), "the state of a second read without news")
    equal(source.read(mode="full_refresh").records, tenant, f"{what}, full refresh")


def killed_reads(tenant):
    """A read that is killed anywhere goes on from the last state that came."""
    source = Source(tenant.settings())
    lines = len(source.read().messages)
    for at in sorted(random.Random(5).sample(range(5, lines), KILLS)):
        before = source.read_and_kill(at)
        after = source.read(before.state())
        both = {name: before.records[name] + after.records[name] for name in source.schemas}
        equal(both, tenant, f"killed after {at} of {lines} messages")


def failures(tenant):
    """Failures are errors of the protocol, and no state comes with them."""
    good = tenant.settings()
    foreign = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "customers"}, "stream_state": {"at": 1}}}]
    cases = [
        ({"token": WRONG}, [], "config_error", 3),
        ({"base_url": "http://127.0.0.1:9", "retry_for": "1s"}, [], "transient_error", 5),
        ({}, "{", "config_error", 2),
        ({}, foreign, "config_error", 2),
    ]
    for changed, state, kind, code in cases:
        read = Source({**good, **changed}).read(state, code=code)
        expect([error["failure_type"] for error in read.errors], [kind], f"failure with {changed}")
        expect((read.states, dict(read.records)), ({}, {}), f"states and records with {changed}")
        print(f"{kind}: {read.errors[0]['message']}")
    source = Source(good)
    source.discover()
    unknown = {"streams": [{"stream": {"name": "orders"}, "sync_mode": "incremental"}]}
    done = source.run("read", catalog=unknown)
    read = Read(done.stdout.splitlines(), source.schemas)
    expect((done.returncode, read.errors[0]["failure_type"]), (2, "config_error"), "an unknown stream")


def open_days(tenant):
    """Days that can still gain customers come again, without those that are gone."""
    today = datetime.date.today()
    days = (str(today - datetime.timedelta(days=3)), str(today))
    source = Source(tenant.settings(start_date=days[0], end_date=days[1]))
    first = source.read()
    equal(first.records, tenant, "days that are still open", *days)
    second = source.read(first.state())
    expect(second.bare_state(), first.bare_state(), "the state of days that are still open")
    again = keyed(second.records["customers"], "customers")
    if not 0 < len(again) < len(keyed(first.records["customers"], "customers")):
        fail(f"{len(again)} customers of days that are still open")
    gone = next(iter(tenant.truth(today, today)))
    tenant.edit(f"delete {gone}")
    third = source.read(second.state())
    deleted = [record for record in third.records["customers"] if record["_ab_cdc_deleted_at"]]
    expect([record["id"] for record in deleted], [gone], "deleted customers")
    both = {name: first.records[name] + third.records[name] for name in source.schemas}
    equal(both, tenant, "days that are still open, after a deletion", *days)


def throttled():
    """A status says that the server asks for fewer requests."""
    with Tenant(KAPTURE, "--rate-limit", "12", "--customers", "40") as tenant:
        read = Source(tenant.settings()).read()
        equal(read.records, tenant, "a server that throttles")
        if not read.limited:
            fail("no status says that the server throttles")


def by_pyairbyte(tenant):
    """PyAirbyte checks, discovers and reads into DuckDB, and again from the state."""
    import airbyte
    from airbyte.caches import DuckDBCache

    config = tenant.settings()
    source = airbyte.get_source("source-kapture", local_executable=SOURCE, config=config)
    source.check()
    source.select_all_streams()
    cache = DuckDBCache(db_path=pathlib.Path.cwd() / "pyairbyte.duckdb")
    first, second = source.read(cache=cache), source.read(cache=cache)
    held = tenant.truth().values()
    expected = {"customers": truth.customers(held), "contacts": truth.contacts(held)}
    expect(first.processed_records, sum(map(len, expected.values())), "records by PyAirbyte")
    expect(second.processed_records, 0, "records by PyAirbyte from the state")
    for stream, records in expected.items():
        # Asked from DuckDB.
        rows = list(cache[stream])
        expect(len(rows), len(records), f"rows of {stream} in DuckDB")
        for row in rows:
            key = key_of(row, stream)
            same(row, records[key], f"{stream} {key} in DuckDB")
        print(f"PyAirbyte: {len(rows)} rows of {stream} in DuckDB are those of the tenant")


def same(row, expected, what):
    """Compares a row of DuckDB: its names are in lower case, and times are no text."""
    extra = row["extra"] or {}
    for key, value in expected.items():
        found = extra[key] if key in extra else row[key.lower()]
        if isinstance(found, datetime.datetime):
            value = datetime.datetime.fromisoformat(value)
        if isinstance(value, float):
            found = float(found)
        expect(found, value, f"{what}: {key}")


def guide(tenant):
    """The configuration and the program of the guide, with this tenant and this connector in their place."""
    page = GUIDE.read_text()
    for shown, here in (
        ('"/usr/bin/source-kapture"', repr(str(SOURCE))),
        ('"subdomain": "acme"', f'"base_url": "{tenant.url}"'),
        ("subdomain: acme", f"base_url: {tenant.url}"),
        ('"token": "…"', f'"token": "{TOKEN}"'),
        ("token: …", f"token: {TOKEN}"),
    ):
        if shown not in page:
            fail(f"{GUIDE.name} does not have {shown}")
        page = page.replace(shown, here)
    block = lambda language: textwrap.dedent(page.split(f"```{language}\n")[1].split("```")[0])
    # As JSON has it: without the types of YAML.
    config = yaml.load(block("yaml"), yaml.BaseLoader)
    expect(Source(config).check()["status"], "SUCCEEDED", "check of the guide's configuration")
    done = subprocess.run([sys.executable, "-c", block("python")], capture_output=True, text=True)
    expect(done.returncode, 0, f"exit code of the guide's program: {done.stderr}")
    if f"[{len(tenant.truth())} rows x" not in done.stdout:
        fail(f"the guide's program prints other rows: {done.stdout}")
    print("the configuration and the program of the guide work")


def main():
    # Before PyAirbyte is imported: it counts its users otherwise.
    os.environ |= {
        "AIRBYTE_OFFLINE_MODE": "1",
        "DO_NOT_TRACK": "1",
        "AIRBYTE_LOGGING_ROOT": str(pathlib.Path.cwd() / "logs"),
    }
    with Tenant(KAPTURE) as ordinary, Tenant(KAPTURE, *ODD) as odd:
        commands(ordinary)
        reads(ordinary, "ordinary records")
        reads(odd, "odd records")
        killed_reads(odd)
        failures(ordinary)
        open_days(ordinary)
        throttled()
        by_pyairbyte(odd)
        guide(ordinary)


main()
