"""Reads the output of kapture with DuckDB, PyArrow, polars, pandas, nanoarrow, openpyxl, LibreOffice and Python's own csv and
sqlite3, and compares it, field by field, with the NDJSON of the same customers.

    check.py REFERENCE.ndjson OTHER...

OTHER is a file of any format, a dataset folder or a SQLite database. Prints each comparison; exits
with 1 at the first difference.
"""

import csv
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from datetime import date, datetime
from pathlib import Path

import duckdb
import nanoarrow
import openpyxl
import pandas
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from documented import CONTACT, CUSTOMER

SQL = {"i": "BIGINT", "d": "DOUBLE", "f": "BOOLEAN", "t": "TIMESTAMP", "": "VARCHAR"}
ARROW = {
    "i": pyarrow.int64(),
    "d": pyarrow.float64(),
    "f": pyarrow.bool_(),
    "t": pyarrow.timestamp("us"),
    "": pyarrow.string(),
}


class Column:
    def __init__(self, described):
        self.kind, self.key = described.split(":") if ":" in described else ("", described)
        self.name = re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), self.key)


CUSTOMER = [Column(described) for described in CUSTOMER.split()]
CONTACT = [Column(described) for described in CONTACT.split()]


def fail(what):
    print(f"DIFFERENT: {what}")
    sys.exit(1)


def expect(found, expected, what):
    if found != expected:
        fail(f"{what}: {found!r}, not {expected!r}")


def quoted(text):
    return "'" + str(text).replace("'", "''") + "'"


# --- The NDJSON ----------------------------------------------------------------------------------


def times(fields, columns):
    """Parses dates as local date-times; those that cannot be parsed stay text."""
    for column in columns:
        if column.kind == "t" and isinstance(fields.get(column.key), str):
            try:
                fields[column.key] = datetime.fromisoformat(fields[column.key])
            except ValueError:
                pass
    return fields


def without_nulls(fields):
    return {key: value for key, value in fields.items() if value is not None}


def customer_of(line):
    customer = times(without_nulls(json.loads(line)), CUSTOMER)
    contacts = customer.get("contacts")
    if isinstance(contacts, list):
        customer["contacts"] = [
            times(without_nulls(contact), CONTACT) if isinstance(contact, dict) else contact
            for contact in contacts
        ]
    if customer.get("contacts") == []:
        del customer["contacts"]
    return customer


# --- The other formats, assembled into the same fields -------------------------------------------


def assembled(row, columns, prefix=""):
    """A customer or contact from its columns and its extra object, which takes precedence."""
    fields = {column.key: row[prefix + column.name] for column in columns}
    fields.update(json.loads(row[prefix + "extra"] or "{}"))
    return times(without_nulls(fields), columns)


def with_contacts(customer, contacts):
    # Contacts that are not a list are in the extra object.
    if contacts and "contacts" not in customer:
        customer["contacts"] = contacts
    return customer


def nested(row):
    contacts = [assembled(contact, CONTACT) for contact in row["contacts"]]
    return with_contacts(assembled(row, CUSTOMER), contacts)


def flattened(row):
    contacts = [assembled(row, CONTACT, "contact_")] if int(row["contact_count"]) else []
    return with_contacts(assembled(row, CUSTOMER), contacts)


def flat(customer):
    """The customer as a flattened row holds it: with its primary contact only."""
    contacts = customer.get("contacts")
    if not isinstance(contacts, list) or not all(isinstance(one, dict) for one in contacts):
        return customer
    primary = [one for one in contacts if one.get("isPrimaryContact") is True]
    return {**customer, "contacts": (primary or contacts)[:1]}


class Check:
    """The comparison with the reference."""

    def __init__(self, reference):
        with open(reference, encoding="utf-8") as lines:
            self.customers = {}
            for line in lines:
                customer = customer_of(line)
                if str(customer["id"]) in self.customers:
                    fail(f"{reference}: customer {customer['id']} occurs twice")
                self.customers[str(customer["id"])] = customer
        if len(self.customers) < 100:
            fail(f"{reference}: only {len(self.customers)} customers: too few to compare")
        self.duckdb = duckdb.connect()

    def sql(self, query):
        """Rows as dictionaries, and the types of their columns."""
        result = self.duckdb.execute(query)
        types = {name: str(kind) for name, kind, *_ in result.description}
        return [dict(zip(types, row)) for row in result.fetchall()], types

    def equal(self, found, what, reader, holdable=lambda customer: customer):
        """Compares the customers `found`, which `reader` read from `what`, with the reference."""
        found = list(found)
        expect(len(found), len(self.customers), f"{what} by {reader}: number of customers")
        by_id = {str(customer["id"]): customer for customer in found}
        missing = self.customers.keys() - by_id.keys()
        unexpected = by_id.keys() - self.customers.keys()
        if missing or unexpected:
            fail(f"{what} by {reader}: {sorted(missing)[:5]} missing, {sorted(unexpected)[:5]} unexpected")
        values = contacts = 0
        for id, expected in self.customers.items():
            expected = holdable(expected)
            self.same(by_id[id], expected, f"{what} by {reader}: customer {id}")
            values += len(expected)
            contacts += len(expected.get("contacts", []))
        print(f"{what} by {reader}: {len(found)} customers, {values} values and {contacts} contacts are the same")

    def same(self, found, expected, what):
        for key in expected.keys() | found.keys():
            one, other = found.get(key), expected.get(key)
            if key == "contacts" and isinstance(one, list) and isinstance(other, list):
                expect(len(one), len(other), f"{what}: number of contacts")
                for position, pair in enumerate(zip(one, other)):
                    if all(isinstance(contact, dict) for contact in pair):
                        self.same(*pair, f"{what}: contact {position}")
                    else:
                        expect(*pair, f"{what}: contact {position}")
            elif one != other or isinstance(one, bool) != isinstance(other, bool):
                fail(f"{what}: {key} is {one!r}, not {other!r}")

    # --- One method for each format --------------------------------------------------------------

    def parquet(self, files, what, partitioned=False):
        source = f"read_parquet({quoted(files)}, hive_partitioning = {partitioned})"
        contact = ", ".join(f"{column.name} {SQL[column.kind]}" for column in CONTACT)
        rows, _ = self.sql(f"SELECT * FROM {source}")
        described, _ = self.sql(f"DESCRIBE SELECT * FROM {source}")
        types = {row["column_name"]: row["column_type"].replace('"', "") for row in described}
        expected = {column.name: SQL[column.kind] for column in CUSTOMER}
        expected |= {"contacts": f"STRUCT({contact}, extra JSON)[]", "extra": "JSON"}
        if partitioned:
            expected["created_date"] = "DATE"
        expect(types, expected, f"{what} by DuckDB: types of columns")
        self.equal(map(nested, rows), what, "DuckDB")
        self.days(rows, what)

        unnested, _ = self.sql(
            f"SELECT id AS customer, unnest(contacts, recursive := true) FROM {source}"
        )
        pairs = sorted((row["customer"], row["phone"] or "") for row in unnested)
        expected = sorted(
            (row["id"], contact["phone"] or "") for row in rows for contact in row["contacts"]
        )
        expect(pairs, expected, f"{what} by DuckDB: contacts unnested")
        self.statistics(files, what)

    def statistics(self, files, what):
        """Every row group has the minimum and maximum id, so that readers can skip it."""
        groups, _ = self.sql(
            f"SELECT row_group_num_rows AS rows, stats_min_value AS low, stats_max_value AS high,"
            f" compression FROM parquet_metadata({quoted(files)}) WHERE path_in_schema = 'id'"
        )
        expect(sum(group["rows"] for group in groups), len(self.customers), f"{what}: rows of groups")
        for group in groups:
            expect(group["compression"], "ZSTD", f"{what}: compression")
            if group["low"] is None or int(group["low"]) > int(group["high"]):
                fail(f"{what}: a row group without statistics: {group}")

    def days(self, rows, what):
        """The folder of a customer is named by its creation date."""
        for row in rows:
            created = row.get("generation_date")
            if "created_date" in row and isinstance(created, datetime):
                expect(type(row["created_date"]), date, f"{what}: type of created_date")
                expect(row["created_date"], created.date(), f"{what}: folder of {row['id']}")

    def arrow(self, table, what):
        contact = pyarrow.struct(
            [(column.name, ARROW[column.kind]) for column in CONTACT] + [("extra", pyarrow.string())]
        )
        expected = {column.name: ARROW[column.kind] for column in CUSTOMER}
        expected |= {"contacts": pyarrow.list_(contact), "extra": pyarrow.string()}
        for name, kind in expected.items():
            found = plain(table.schema.field(name).type)
            if not found.equals(kind):
                fail(f"{what} by PyArrow: {name} is {found}, not {kind}")
        self.equal(map(nested, table.to_pylist()), what, "PyArrow")

    def stream(self, path):
        """By each library that reads Arrow's IPC streaming format."""
        what = path.name
        table = pyarrow.ipc.open_stream(path).read_all()
        expect(table.schema.field("id").nullable, False, f"{what} by PyArrow: nullable id")
        self.arrow(table, what)
        self.equal(map(nested, polars.read_ipc_stream(path).to_dicts()), what, "polars")
        # It has no type for JSON, and says so.
        warnings.simplefilter("ignore", category=UserWarning)
        array = nanoarrow.ArrayStream.from_path(path).read_all()
        self.equal(map(nested, array.to_pylist()), what, "nanoarrow")
        self.duckdb.register("stream", table)
        rows, types = self.sql("SELECT * FROM stream")
        expect(types["extra"], "JSON", f"{what} by DuckDB: type of extra")
        self.equal(map(nested, rows), what, "DuckDB")
        frame = pandas.DataFrame.from_arrow(pyarrow.ipc.open_stream(path))
        ids = sorted(frame["id"])
        expect(ids, sorted(row["id"] for row in rows), f"{what} by pandas: ids")
        expect(str(frame["generation_date"].dtype), "datetime64[us]", f"{what} by pandas: dates")

    def csv(self, files, what, partitioned=False):
        typed = [(column.name, SQL[column.kind]) for column in CUSTOMER]
        typed += [("extra", "JSON"), ("contact_count", "BIGINT")]
        typed += [("contact_" + column.name, SQL[column.kind]) for column in CONTACT]
        typed += [("contact_extra", "JSON")]
        columns = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in typed)
        rows, _ = self.sql(
            f"SELECT * FROM read_csv({quoted(files)}, header = true, delim = ',', quote = '\"',"
            f" escape = '\"', columns = {{{columns}}}, hive_partitioning = {partitioned})"
        )
        self.equal(map(flattened, rows), what, "DuckDB", flat)
        self.days(rows, what)
        return [name for name, _ in typed]

    def text(self, files, what, header):
        """By Python's csv, which reads text only: numbers and flags are parsed as JSON."""
        rows = []
        for file in files:
            with open(file, newline="", encoding="utf-8") as lines:
                reader = csv.DictReader(lines, strict=True)
                expect(reader.fieldnames, header, f"{what}: header")
                rows += reader
        kinds = {column.name: column.kind for column in CUSTOMER}
        kinds |= {"contact_" + column.name: column.kind for column in CONTACT}
        for row in rows:
            for name, value in row.items():
                if value == "":
                    row[name] = None
                elif kinds.get(name) in ("i", "d", "f"):
                    row[name] = json.loads(value)
        self.equal(map(flattened, rows), what, "Python's csv", flat)

    def ndjson(self, files, what, partitioned=False):
        contact = ", ".join(f"{json.dumps(column.key)} {SQL[column.kind]}" for column in CONTACT)
        kinds = {column.key: SQL[column.kind] for column in CUSTOMER}
        kinds["contacts"] = f"STRUCT({contact})[]"
        columns = ", ".join(f"{quoted(key)}: {quoted(kind)}" for key, kind in kinds.items())
        rows, _ = self.sql(
            f"SELECT * FROM read_json({quoted(files)}, format = 'newline_delimited',"
            f" columns = {{{columns}}}, hive_partitioning = {partitioned})"
        )
        if partitioned:
            for row in rows:
                expect(row.pop("created_date"), row["generationDate"].date(), f"{what}: folder")
        found = []
        for row in rows:
            contacts = [without_nulls(contact) for contact in row.pop("contacts") or []]
            found.append(with_contacts(without_nulls(row), contacts))
        self.equal(found, what, "DuckDB", self.documented)

    def documented(self, customer):
        """The documented fields: DuckDB was given no others."""
        keys = {column.key for column in CUSTOMER} | {"contacts"}
        return {key: value for key, value in customer.items() if key in keys}

    def sqlite(self, path):
        what = path.name
        database = sqlite3.connect(path)
        database.row_factory = sqlite3.Row
        expect(database.execute("PRAGMA integrity_check").fetchone()[0], "ok", f"{what}: integrity")
        expect(database.execute("PRAGMA foreign_key_check").fetchall(), [], f"{what}: foreign keys")
        contacts = {}
        for row in database.execute("SELECT * FROM contacts ORDER BY customer_id, position"):
            contact = assembled(flags(row, CONTACT, what), CONTACT)
            contacts.setdefault(row["customer_id"], []).append(contact)
        found = []
        for row in database.execute("SELECT * FROM customers"):
            row = flags(row, CUSTOMER, what)
            found.append(with_contacts(assembled(row, CUSTOMER), contacts.get(row["id"], [])))
        self.equal(found, what, "Python's sqlite3")
        days = database.execute("SELECT sum(customers) FROM kapture_days").fetchone()[0]
        expect(days, len(self.customers), f"{what}: customers in the ledger")

    def workbook(self, path):
        what = path.name
        workbook = openpyxl.load_workbook(path)
        expect(workbook.sheetnames, ["customers", "contacts"], f"{what}: sheets")

        def rows(sheet):
            header, *rows = workbook[sheet].iter_rows()
            names = [cell.value for cell in header]
            for row in rows:
                for cell in row:
                    expect(cell.data_type != "f", True, f"{what}: {cell.coordinate} is no formula")
                yield dict(zip(names, (cell.value for cell in row)))

        contacts = {}
        for row in rows("contacts"):
            contact = assembled(row, CONTACT)
            contacts.setdefault(row["customer_id"], []).append(contact)
        found = []
        for row in rows("customers"):
            found.append(with_contacts(assembled(row, CUSTOMER), contacts.get(row["id"], [])))
        self.equal(found, what, "openpyxl")
        self.libreoffice(path)

    def libreoffice(self, path):
        """Every cell as LibreOffice shows it, if it is installed: codes keep their zeros."""
        office = shutil.which("soffice")
        if office is None:
            print("SKIPPED: LibreOffice is not installed")
            return
        form = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
        with tempfile.TemporaryDirectory() as folder:
            # Without a home of its own it would use, and lock, that of the user.
            home = f"-env:UserInstallation=file://{folder}/home"
            convert = [office, home, "--headless", "--convert-to", form, "--outdir", folder, path]
            subprocess.run(convert, check=True, capture_output=True, timeout=300)
            for sheet in ["customers", "contacts"]:
                with open(Path(folder) / f"{path.stem}-{sheet}.csv", newline="") as lines:
                    shown = list(csv.DictReader(lines))
                columns = CUSTOMER if sheet == "customers" else CONTACT
                rows = openpyxl.load_workbook(path)[sheet].iter_rows(min_row=2, values_only=True)
                names = list(shown[0])
                for row, line in zip(rows, shown, strict=True):
                    stored = dict(zip(names, row))
                    for column in columns:
                        value = stored[column.name]
                        if column.kind == "t" and value is not None:
                            value = value.strftime("%Y-%m-%d %H:%M:%S")
                        if column.kind in ("", "t", "i"):
                            text = "" if value is None else str(value)
                            expect(line[column.name], text, f"{path.name}: {column.name} in LibreOffice")
        print(f"{path.name}: LibreOffice")

    def dataset(self, root):
        described = json.loads((root / "_kapture" / "manifest.json").read_text())
        form, what = described["format"], f"{root.name}/ of {described['format']}"
        files = f"{root}/**/*.{form}"
        if form == "parquet":
            self.parquet(files, what, partitioned=True)
            whole = pyarrow.dataset.dataset(root, format="parquet", partitioning="hive")
            self.arrow(whole.to_table(), what)
        elif form == "csv":
            header = self.csv(files, what, partitioned=True)
            self.text(sorted(root.glob("*/*.csv")), what, header)
        else:
            self.ndjson(files, what, partitioned=True)
        receipts = (root / "_kapture" / "days").glob("*.json")
        days = sum(json.loads(receipt.read_text())["customers"] for receipt in receipts)
        expect(days, len(self.customers), f"{what}: customers in the ledger")

    def destination(self, path):
        if path.is_dir():
            return self.dataset(path)
        form = [ending for ending in path.suffixes if ending not in (".gz", ".zst")][-1]
        if form == ".db":
            self.sqlite(path)
        elif form == ".parquet":
            self.parquet(path, path.name)
            self.arrow(pyarrow.parquet.read_table(path), path.name)
        elif form == ".arrows":
            self.stream(path)
        elif form == ".xlsx":
            self.workbook(path)
        elif form == ".csv":
            header = self.csv(path, path.name)
            if path.suffix == ".csv":
                self.text([path], path.name, header)
        elif form == ".ndjson":
            self.ndjson(path, path.name)
        else:
            fail(f"{path}: unknown format")


def plain(kind):
    """An Arrow type without extension types, in lists and structs too."""
    if isinstance(kind, pyarrow.BaseExtensionType):
        return plain(kind.storage_type)
    if pyarrow.types.is_list(kind):
        return pyarrow.list_(plain(kind.value_type))
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([(field.name, plain(field.type)) for field in kind])
    return kind


def flags(row, columns, what):
    """A row of SQLite, which stores flags as numbers and does not enforce the types of columns."""
    kinds = {"i": int, "d": float, "f": int, "t": str, "": str}
    row = dict(row)
    for column in columns:
        value = row[column.name]
        if value is not None:
            expect(type(value), kinds[column.kind], f"{what}: type of {column.name}")
            if column.kind == "f":
                row[column.name] = {0: False, 1: True}[value]
    return row


def main():
    reference, *others = map(Path, sys.argv[1:])
    check = Check(reference)
    print(f"DuckDB {duckdb.__version__}, PyArrow {pyarrow.__version__}, SQLite {sqlite3.sqlite_version}")
    for other in others:
        check.destination(other)


main()
