"""Pulls customers with text that is none, numbers that are none, keys that come twice and ids in several spellings, in every
format, and reads each format with other libraries: every customer is there, and every value of JSON is valid. Days without
customers are read as well.

    odd.py KAPTURE FOLDER

A server on loopback sends the bytes. Exits with 1 if a library refuses a file, or reads other customers.
"""

import csv
import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import nanoarrow
import openpyxl
import pandas
import polars
import pyarrow
import pyarrow.csv
import pyarrow.dataset
import pyarrow.json
import pyarrow.parquet

DAY = "2024-05-02"

# Nobody was created on these days.
EMPTY = ["--from", "2024-06-01", "--to", "2024-06-03"]

# Each is a customer but for its id and date.
ODD = [
    b'"name":"Asha Example"',
    b'"name":"half a pair \\ud83d","attr1":"and \\udc00 another"',
    b'"name":"a NUL \\u0000","attr1":"raw \x00 and escaped \\u0000"',
    b'"name":"Latin-1 M\xdcLLER","attr1":"\xff"',
    b'"attr\\ud83d":1,"attr\\u0000":2,"attr\xff":3',
    b'"maxCreditAmt":NaN,"attr2":1.5',
    b'"maxCreditAmt":-Infinity,"attr2":NaN',
    b'"maxCreditAmt":1e400,"attr2":1e400,"attr3":{"a":[-1E400,1e-400]}',
    b'"attr4":1,"name":"first","name":"last","attr4":2,"attr3":{"a":[1],"a":[2]}',
    b'"cmId":"424242","pinCode":560001,"deleted":1,"maxCreditAmt":"0.5"',
    b'"contacts":[{"id":"7","id":8,"phone":"\\ud83d","age":NaN,"attr1":"\\u0000"}]',
]

# The spellings of an id.
IDS = [b"%d", b'"%d"', b"%d.0"]

RECORDS = [
    b'{"id":' + IDS[number % 3] % (number + 1) + b',"generationDate":"' + DAY.encode() + b'T10:00:00",' + fields + b"}"
    for number, fields in enumerate(ODD * 3)
]

EXPECTED = list(range(1, len(RECORDS) + 1))


class Tenant(http.server.BaseHTTPRequestHandler):
    """Windows are inclusive, `limit` and `offset` are honoured."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first, limit = int(asked.get("offset") or 0), int(asked.get("limit") or 100)
        within = asked["createStartDate"] <= DAY <= asked["createEndDate"]
        rows = RECORDS[first : first + limit] if within else []
        body = b'{"message":[' + b",".join(rows) + b'],"status":"success"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def pull(kapture, url, destination, *options, days=["--from", DAY, "--to", DAY]):
    command = [kapture, "pull", "--base-url", url, "--cm-id", "424242", *days]
    environment = os.environ | {"KAPTURE_TOKEN": "aW52ZW50ZWQ6dG9rZW4="}
    command += ["-o", destination, "--quiet", *options]
    subprocess.run(command, env=environment, check=True)


def frame(table):
    """The ids of a data frame, whose column `extra` is JSON."""
    for extra in table["extra"]:
        if isinstance(extra, str) and extra:
            strict(extra)
    return list(table["id"])


def strict(text):
    def refuse(what):
        raise ValueError(f"{what} is no JSON")

    value = json.loads(text, parse_constant=refuse)
    text.encode()
    return value


def arrow(table):
    return frame(table.to_pydict())


def rows(relation):
    return [row[0] for row in relation.fetchall()]


def ndjson(files, pattern):
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    yield "Python's json", lambda: [strict(line)["id"] for line in lines]
    yield "PyArrow", lambda: [id for file in files for id in pyarrow.json.read_json(file)["id"].to_pylist()]
    yield "polars", lambda: polars.scan_ndjson(pattern).collect()["id"].to_list()
    yield "pandas", lambda: [id for file in files for id in pandas.read_json(file, lines=True)["id"]]
    yield "DuckDB", lambda: rows(duckdb.sql(f"SELECT id FROM read_json('{pattern}')"))
    if jq := shutil.which("jq"):
        command = [jq, ".id", *files]
        yield "jq", lambda: list(map(int, subprocess.check_output(command).split()))
    else:
        print("SKIPPED: jq is not installed")


def table(files, pattern):
    read = f"read_csv('{pattern}', all_varchar = true)"
    yield "Python's csv", lambda: [int(row["id"]) for file in files for row in csv.DictReader(open(file, newline=""), strict=True)]
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    yield "PyArrow", lambda: [id for file in files for id in arrow(pyarrow.csv.read_csv(file, parse_options=options))]
    yield "polars", lambda: frame(polars.scan_csv(pattern).collect())
    yield "pandas", lambda: [id for file in files for id in frame(pandas.read_csv(file))]
    yield "DuckDB", lambda: rows(duckdb.sql(f"SELECT id::BIGINT FROM {read} WHERE extra IS NULL OR json_valid(extra)"))


def parquet(path, pattern):
    yield "PyArrow", lambda: arrow(pyarrow.parquet.read_table(path))
    yield "polars", lambda: frame(polars.scan_parquet(pattern).collect())
    yield "pandas", lambda: frame(pandas.read_parquet(path))
    # It validates the column of JSON.
    yield "DuckDB", lambda: rows(duckdb.sql(f"SELECT id, extra ->> '$.attr1' FROM read_parquet('{pattern}')"))


def stream(path):
    yield "PyArrow", lambda: arrow(pyarrow.ipc.open_stream(path).read_all())
    yield "polars", lambda: frame(polars.read_ipc_stream(path))
    array = lambda: nanoarrow.ArrayStream.from_path(path).read_all()
    yield "nanoarrow", lambda: [row["id"] for row in array().to_pylist()]


def database(path):
    def select(column):
        return [row[0] for row in sqlite3.connect(path).execute(f"SELECT {column} FROM customers")]

    yield "Python's sqlite3", lambda: select("id")
    yield "SQLite's JSON", lambda: [id for id in select("CASE WHEN extra IS NULL OR json_valid(extra) THEN id END")]


def workbook(path):
    sheet = lambda: openpyxl.load_workbook(path)["customers"].iter_rows(min_row=2, values_only=True)
    yield "openpyxl", lambda: [row[0] for row in sheet()]


def check(what, readers, expected=EXPECTED):
    failed = False
    for reader, ids in readers:
        try:
            found = sorted(ids())
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        if found == expected:
            print(f"{what} by {reader}: {len(found)} odd customers")
        else:
            failed = True
            print(f"{what} by {reader}: {found}, not {len(expected)} customers")
    return failed


def main():
    kapture, folder = Path(sys.argv[1]), Path(sys.argv[2])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tenant)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    at = lambda name: str(folder / name)
    for name in ["customers.ndjson", "customers.csv", "customers.parquet", "customers.arrows", "customers.db", "customers.xlsx", "columns/"]:
        pull(kapture, url, at(name) + "/" * name.endswith("/"))
    for form in ["ndjson", "csv"]:
        pull(kapture, url, at(form) + "/", "--format", form)
    pull(kapture, url, at("no-csv") + "/", "--format", "csv", days=EMPTY)
    pull(kapture, url, at("no-columns") + "/", days=EMPTY)
    checked = [
        check("customers.ndjson", ndjson([folder / "customers.ndjson"], at("customers.ndjson"))),
        check("ndjson/", ndjson(sorted(folder.glob("ndjson/*/*.ndjson")), at("ndjson/*/*.ndjson"))),
        check("customers.csv", table([folder / "customers.csv"], at("customers.csv"))),
        check("csv/", table(sorted(folder.glob("csv/*/*.csv")), at("csv/*/*.csv"))),
        check("customers.parquet", parquet(at("customers.parquet"), at("customers.parquet"))),
        check("columns/", parquet(at("columns"), at("columns/*/*.parquet"))),
        check("no-columns/", parquet(at("no-columns"), at("no-columns/*/*.parquet")), []),
        check("no-csv/", table(sorted(folder.glob("no-csv/*/*.csv")), at("no-csv/*/*.csv")), []),
        check("customers.arrows", stream(at("customers.arrows"))),
        check("customers.db", database(at("customers.db"))),
        check("customers.xlsx", workbook(at("customers.xlsx"))),
    ]
    sys.exit(any(checked))


main()
