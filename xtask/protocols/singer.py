"""Runs the tap as Singer's programs do: singer.py KAPTURE GUIDE TOOLS JSONL POSTGRES MELTANO.

The last four are folders of programs. The current folder is written to. singer-check-tap must accept what the tap
tells; Meltano, with the configuration that the guide prints, must leave in target-jsonl and target-postgres what the
tenant has; and a run that is killed must be made up for by the next one.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import psycopg
from psycopg.rows import dict_row

from postgres import Postgres
from tenant import TOKEN, Tenant, customers_equal

KAPTURE, GUIDE, TOOLS, JSONL, POSTGRES, MELTANO = map(pathlib.Path, sys.argv[1:7])
TAP = KAPTURE.with_name("tap-kapture")
ODD = ["--odd", "--customers", "20..60"]


def messages(text):
    return [json.loads(line) for line in text.splitlines()]


def schema_of(told, stream):
    return next(it["schema"] for it in told if it["type"] == "SCHEMA" and it["stream"] == stream)


def last_state(told):
    return [it["value"] for it in told if it["type"] == "STATE"][-1]


def write(name, value):
    pathlib.Path(name).write_text(json.dumps(value))
    return name


def tap(*arguments):
    command = [TAP, "--config", "config.json", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_tap():
    """singer-check-tap reads from a pipe: with --tap it does not wait until it has read everything."""
    with Tenant(KAPTURE, *ODD) as tenant:
        write("config.json", tenant.settings())
        fresh = tap()
        accepted(fresh)
        told = messages(fresh)
        customers = {
            it["record"]["id"]: it["record"]
            for it in told
            if it["type"] == "RECORD" and it["stream"] == "customers"
        }
        schema = schema_of(told, "customers")
        customers_equal(tenant.truth(), customers, schema)
        again = tap("--state", write("state.json", last_state(told)))
        accepted(again)
        kinds = [it["type"] for it in messages(again)]
        assert kinds == ["SCHEMA", "SCHEMA", "STATE"], kinds
        assert last_state(messages(again)) == last_state(told)
        return schema


def accepted(stream):
    run = subprocess.run([TOOLS / "singer-check-tap"], input=stream, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


class Project:
    """A Meltano project with the configuration that the guide prints."""

    def __init__(self, url):
        self.folder = pathlib.Path("project").absolute()
        self.programs = self.folder / "bin"
        self.programs.mkdir(parents=True)
        for program in (TAP, JSONL / "target-jsonl", POSTGRES / "target-postgres"):
            (self.programs / program.name).symlink_to(program.absolute())
        page = GUIDE.read_text()
        configuration = page.split("```yaml\n")[1].split("```")[0]
        assert "subdomain: acme" in configuration
        configuration = configuration.replace("subdomain: acme", f"base_url: {url}")
        (self.folder / "meltano.yml").write_text(configuration)

    def run(self, *plugins, **environment):
        environment = {
            **os.environ,
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "TAP_KAPTURE_TOKEN": TOKEN,
            "TAP_KAPTURE_END_DATE": "2024-05-07",
            **environment,
        }
        run = subprocess.run(
            [MELTANO / "meltano", "run", *plugins],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        printed = run.stdout + run.stderr
        assert run.returncode == 0, printed
        assert TOKEN not in printed, "the token is in the log of Meltano"


def meltano_into_lines(project, tenant, schema):
    def rows():
        lines = (project.folder / "output/customers.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    for _ in range(2):
        project.run("tap-kapture", "target-jsonl", TAP_KAPTURE_REFRESH="0")
        # The second run adds nothing.
        assert len(rows()) == len(tenant.truth())
    customers_equal(tenant.truth(), {row["id"]: row for row in rows()}, schema)


def tables(postgres, schema):
    """The rows of customers and contacts, but for those that are deleted."""
    address = f"host=127.0.0.1 port={postgres.port} user=postgres dbname=postgres"
    with psycopg.connect(address, row_factory=dict_row) as connection:
        read = lambda name: connection.execute(
            f'SELECT * FROM "{schema}"."{name}" WHERE _sdc_deleted_at IS NULL'
        ).fetchall()
        return read("customers"), read("contacts")


def tables_equal(postgres, name, tenant, schema):
    customers, contacts = tables(postgres, name)
    truth = tenant.truth()
    by_id = {row["id"]: named_as(schema, row) for row in customers}
    customers_equal(truth, by_id, schema)
    keys = {(row["customer_id"], row["position"]) for row in contacts}
    sent = ((number, record.get("contacts")) for number, record in truth.items())
    expected = {
        (number, position)
        for number, list_of in sent
        if isinstance(list_of, list)
        for position in range(len(list_of))
    }
    assert keys == expected and len(keys) == len(contacts), (len(keys), len(expected))


def named_as(schema, row):
    """A row with the names of the stream, in whatever way the target spells them."""
    plain = lambda name: name.replace("_", "").lower()
    columns = {plain(name): value for name, value in row.items()}
    return {name: columns[plain(name)] for name in schema["properties"]}


def meltano_into_postgres(project, postgres, tenant, schema):
    environment = {
        "TARGET_POSTGRES_HOST": "127.0.0.1",
        "TARGET_POSTGRES_PORT": str(postgres.port),
        "TARGET_POSTGRES_USER": "postgres",
        "TARGET_POSTGRES_PASSWORD": "none",
        "TARGET_POSTGRES_DATABASE": "postgres",
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "crm",
    }
    for _ in range(2):
        project.run("tap-kapture", "target-postgres", **environment)
        tables_equal(postgres, "crm", tenant, schema)
    # The last three days are read again: a deleted customer vanishes, a moved one stays.
    last = [number for number, it in tenant.truth().items() if is_of_last_day(it)]
    tenant.edit(f"delete {last[0]}", f"move {last[1]} 2024-05-06", f"edit {last[2]}")
    assert last[0] not in tenant.truth() and last[1] in tenant.truth()
    project.run("tap-kapture", "target-postgres", **environment)
    tables_equal(postgres, "crm", tenant, schema)


def is_of_last_day(record):
    return str(record.get("generationDate", "")).startswith("May 7, 2024")


def killed_run(postgres, tenant, schema):
    """What a killed run told, and what the next one told, together make up the tables."""
    write("config.json", tenant.settings())
    command = [TAP, "--config", "config.json", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if json.loads(line)["type"] == "STATE":
            break
    process.kill()
    process.wait()
    # Records behind the last state, as a target may have received them.
    second = tap("--state", write("state.json", json.loads(lines[-1])["value"]))
    settings = {
        "host": "127.0.0.1",
        "port": postgres.port,
        "user": "postgres",
        "password": "none",
        "database": "postgres",
        "default_target_schema": "resumed",
        "add_record_metadata": True,
        "sanitize_null_text_characters": True,
    }
    target = [POSTGRES / "target-postgres", "--config", write("target.json", settings)]
    for stream in ("".join(lines), second):
        run = subprocess.run(target, input=stream, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
    tables_equal(postgres, "resumed", tenant, schema)


def main():
    started = time.monotonic()

    def done(what):
        print(f"{time.monotonic() - started:6.1f} s  {what}", flush=True)

    schema = check_tap()
    done("singer-check-tap accepts a fresh run and the next one")
    with Tenant(KAPTURE, *ODD) as tenant, Postgres() as postgres:
        project = Project(tenant.url)
        meltano_into_lines(project, tenant, schema)
        done("Meltano leaves in target-jsonl what the tenant has")
        meltano_into_postgres(project, postgres, tenant, schema)
        done("Meltano leaves in target-postgres what the tenant has, also after deletions")
        killed_run(postgres, tenant, schema)
        done("a killed run is made up for by the next one")


main()
