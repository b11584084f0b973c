"""What a user would do instead, measured in turn with kapture: a tap on the Singer SDK, a source on the Airbyte CDK, and for
destinations a finished NDJSON file that DuckDB, Python's sqlite3 or psql takes further. What kapture does includes the pull.

    peers.py --kapture PROGRAM --sdk PYTHON --cdk PYTHON --folder FOLDER [--rounds N] [--only NAME]...
"""

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

HERE = Path(__file__).parent
FIRST = date(2020, 1, 1)
CM_ID = 424242
TOKEN = "c2FuZGJveDpzYW5kYm94"

# Customers on each of so many days: libraries are slow, so that they get fewer of them.
A_DAY = 1000
DAYS = 100
DAYS_OF_LIBRARIES = 10


class Bench:
    def __init__(self, arguments):
        self.kapture = arguments.kapture
        self.pythons = {"sdk": arguments.sdk, "cdk": arguments.cdk}
        self.folder = Path(arguments.folder)
        self.rounds = arguments.rounds
        self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        serve = [self.kapture, "sandbox", "--customers", str(A_DAY)]
        self.sandbox = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.sandbox.stdout.readline().strip()
        self.environment = {
            **os.environ,
            "KAPTURE_BASE_URL": self.url,
            "KAPTURE_CM_ID": str(CM_ID),
            "KAPTURE_TOKEN": TOKEN,
        }
        self.lines = self.folder / "pulled.ndjson"
        self.run(self.pull(self.lines))
        return self

    def __exit__(self, *_):
        self.sandbox.kill()
        self.sandbox.wait()

    def run(self, command):
        """Seconds of a process that prints to nowhere."""
        command = [str(part) for part in command]
        # Opened to write alone, as a shell does it.
        with open(os.devnull, "wb") as nowhere:
            begun = time.perf_counter()
            done = subprocess.run(command, env=self.environment, stdout=nowhere, stderr=subprocess.PIPE)
            seconds = time.perf_counter() - begun
        if done.returncode:
            sys.exit(f"{command} failed: {done.stderr[-1000:].decode(errors='replace')}")
        return seconds

    def pull(self, where, days=DAYS):
        last = FIRST + timedelta(days=days - 1)
        return [self.kapture, "pull", "--quiet", "--from", FIRST, "--to", last, "-o", where]

    def absent(self, name):
        """A path with nothing at it."""
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        for name in (path, f"{path}-wal", f"{path}-shm"):
            Path(name).unlink(missing_ok=True)
        return path

    def python(self, task, *arguments):
        """A peer of this file, in a process of its own."""
        return [sys.executable, __file__, "--peer", task, *arguments]

    # Connectors

    def connector(self, protocol):
        """The commands of kapture and of a library that speak a protocol."""
        last = FIRST + timedelta(days=DAYS_OF_LIBRARIES - 1)
        settings = {"base_url": self.url, "cm_id": CM_ID, "token": TOKEN, "start_date": str(FIRST), "end_date": str(last)}
        ours, theirs, schema = (self.folder / f"{protocol}-{name}.json" for name in ("ours", "theirs", "schema"))
        ours.write_text(json.dumps(settings))
        theirs.write_text(json.dumps({**settings, "schema": str(schema)}))
        catalog = self.folder / f"{protocol}-catalog.json"
        discover = {"singer": ["singer", "--discover"], "airbyte": ["airbyte", "discover"]}[protocol]
        found = subprocess.run(
            [self.kapture, *discover, "--config", ours], env=self.environment, stdout=subprocess.PIPE, check=True
        )
        if protocol == "singer":
            streams = json.loads(found.stdout)["streams"]
            customers = next(stream for stream in streams if stream["stream"] == "customers")
            schema.write_text(json.dumps(customers["schema"]))
            catalog.write_text(json.dumps({"streams": [customers]}))
            return (
                [self.kapture, "singer", "--config", ours, "--catalog", catalog],
                [self.pythons["sdk"], HERE / "tap_singer_sdk.py", "--config", theirs],
            )
        streams = json.loads(found.stdout.splitlines()[-1])["catalog"]["streams"]
        customers = next(stream for stream in streams if stream["name"] == "customers")
        schema.write_text(json.dumps(customers["json_schema"]))
        asked = {"stream": customers, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
        catalog.write_text(json.dumps({"streams": [asked]}))
        read = ["read", "--config", theirs, "--catalog", catalog]
        return (
            [self.kapture, "airbyte", "read", "--config", ours, "--catalog", catalog],
            [self.pythons["cdk"], HERE / "source_airbyte_cdk.py", *read],
        )

    # What is measured: kapture, and its peer.

    def singer(self):
        kapture, peer = self.connector("singer")
        return lambda: self.run(kapture), lambda: self.run(peer)

    def airbyte(self):
        kapture, peer = self.connector("airbyte")
        return lambda: self.run(kapture), lambda: self.run(peer)

    def file(self, name):
        return (
            lambda: self.run(self.pull(self.absent(name))),
            lambda: self.run(self.python("duckdb", self.lines, self.absent(f"peer-{name}"))),
        )

    def csv(self):
        return self.file("customers.csv")

    def parquet(self):
        return self.file("customers.parquet")

    def dataset(self):
        return (
            lambda: self.run(self.pull(f"{self.absent('customers')}/")),
            lambda: self.run(self.python("duckdb", self.lines, self.absent("peer-customers"))),
        )

    def sqlite(self):
        tables = self.absent("tables.db")
        self.run(self.pull(tables))
        return (
            lambda: self.run(self.pull(self.absent("customers.db"))),
            lambda: self.run(self.python("sqlite", self.lines, tables, self.absent("peer.db"))),
        )

    def postgres(self):
        url = os.environ.get("KAPTURE_TEST_POSTGRES_URL")
        if not url or not shutil.which("psql"):
            print("postgres: left out, for want of psql and of KAPTURE_TEST_POSTGRES_URL", file=sys.stderr)
            return None

        def fresh():
            begin = "SET client_min_messages = warning; DROP SCHEMA IF EXISTS kapture_bench CASCADE;"
            self.run(["psql", url, "-qc", f"{begin} CREATE SCHEMA kapture_bench"])
            joint = "&" if "?" in url else "?"
            return f"{url}{joint}options=-csearch_path%3Dkapture_bench"

        return (
            lambda: self.run(self.pull(fresh())),
            lambda: self.run(self.python("postgres", self.lines, self.folder, fresh())),
        )


MEASURED = ["singer", "airbyte", "csv", "parquet", "dataset", "sqlite", "postgres"]


def measure(bench, name):
    both = getattr(bench, name)()
    if both is None:
        return
    for take in both:
        take()
    rounds = [[take() for take in both] for _ in range(bench.rounds)]
    kapture, peer = (statistics.median(times) for times in zip(*rounds))
    ratio = statistics.median(theirs / ours for ours, theirs in rounds)
    print(f"| `{name}` | {kapture:.3f} | {peer:.3f} | {ratio:.2f} |", flush=True)


# The peers


def peer_duckdb(lines, target):
    import duckdb

    form = {".csv": "FORMAT csv, HEADER", ".parquet": "FORMAT parquet, COMPRESSION zstd"}.get(Path(target).suffix)
    columns = "*"
    if form is None:
        columns = "*, CAST(generationDate AS date) AS created_date"
        form = "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (created_date)"
    duckdb.sql(f"COPY (SELECT {columns} FROM read_ndjson('{lines}')) TO '{target}' ({form})")


def peer_sqlite(lines, tables, target):
    """Two tables with the columns and indexes of those that kapture has."""
    with sqlite3.connect(tables) as model:
        select = "SELECT sql FROM sqlite_schema WHERE tbl_name IN ('customers', 'contacts') AND sql IS NOT NULL"
        statements = [statement for (statement,) in model.execute(select)]
        columns = {name: fields(model, name) for name in ("customers", "contacts")}
    database = sqlite3.connect(target)
    for statement in statements:
        database.execute(statement)
    customers, contacts = [], []

    def insert():
        for name, rows in (("customers", customers), ("contacts", contacts)):
            marks = ", ".join("?" * len(columns[name]))
            names = ", ".join(columns[name])
            database.executemany(f"INSERT INTO {name} ({names}) VALUES ({marks})", rows)
            rows.clear()

    with open(lines) as text:
        for line in text:
            customer = json.loads(line)
            held = {snake(key): value for key, value in customer.items() if key != "contacts"}
            held["kapture_day"] = customer["generationDate"][:10]
            customers.append([held.get(name) for name in columns["customers"]])
            for position, contact in enumerate(customer.get("contacts") or []):
                held = {snake(key): value for key, value in contact.items()}
                held |= {"customer_id": customer["id"], "position": position}
                contacts.append([held.get(name) for name in columns["contacts"]])
            if len(customers) == 1000:
                insert()
    insert()
    database.commit()
    database.close()


def fields(database, table):
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


SNAKE = {}


def snake(key):
    if key not in SNAKE:
        SNAKE[key] = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
    return SNAKE[key]


def peer_postgres(lines, folder, url):
    """Two tables without keys, from CSV that DuckDB writes."""
    import duckdb

    script = [r"\set ON_ERROR_STOP on"]
    database = duckdb.connect()
    read = f"read_ndjson('{lines}')"
    parts = {
        "customers": f"SELECT * EXCLUDE (contacts) FROM {read}",
        "contacts": f"SELECT id AS customer_id, unnest(contacts, recursive := true) FROM {read}",
    }
    types = {"BIGINT": "bigint", "DOUBLE": "double precision", "BOOLEAN": "boolean", "TIMESTAMP": "timestamp"}
    for table, select in parts.items():
        columns = database.sql(f"DESCRIBE {select}").fetchall()
        file = Path(folder) / f"peer-{table}.csv"
        database.sql(f"COPY ({select}) TO '{file}' (FORMAT csv, HEADER)")
        definitions = ", ".join(f'"c{index}" {types.get(kind, "text")}' for index, (_, kind, *_) in enumerate(columns))
        script += [f"CREATE TABLE {table} ({definitions});", rf"\copy {table} FROM '{file}' (FORMAT csv, HEADER)"]
    subprocess.run(["psql", url, "-q"], input="\n".join(script), text=True, check=True)


PEERS = {"duckdb": peer_duckdb, "sqlite": peer_sqlite, "postgres": peer_postgres}


def main():
    if sys.argv[1:2] == ["--peer"]:
        PEERS[sys.argv[2]](*sys.argv[3:])
        return
    parser = argparse.ArgumentParser()
    for name in ("kapture", "sdk", "cdk", "folder"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=MEASURED)
    arguments = parser.parse_args()
    print("| what | kapture s | peer s | times as fast |\n|---|--:|--:|--:|")
    with Bench(arguments) as bench:
        for name in arguments.only or MEASURED:
            measure(bench, name)


if __name__ == "__main__":
    main()
