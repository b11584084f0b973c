"""What a pull gives to each library that reads Arrow, and to a program without any."""

import contextlib
import datetime
import json
import sqlite3
import subprocess

import deltalake
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import WEEK, Sandbox

import kapture_crm


def test_every_library_reads_the_customers(truth: dict[int, dict[str, object]]) -> None:
    customers = kapture_crm.pull(**WEEK, sandbox=True)
    names = {id_: record["name"] for id_, record in truth.items()}
    rows = {
        "to_arrow": customers.to_arrow().select(["id", "name"]).to_pylist(),
        "to_pandas": customers.to_pandas()[["id", "name"]].to_dict("records"),
        "to_polars": customers.to_polars().select("id", "name").to_dicts(),
        "pyarrow": pa.table(customers).select(["id", "name"]).to_pylist(),
        "pandas": pd.DataFrame.from_arrow(customers)[["id", "name"]].to_dict("records"),
        "polars": pl.DataFrame(customers).select("id", "name").to_dicts(),
        "duckdb": duckdb.sql("SELECT id, name FROM customers").pl().to_dicts(),
    }
    for library, found in rows.items():
        assert len(found) == len(names), library
        assert {row["id"]: row["name"] for row in found} == names, library


def test_deltalake_takes_the_customers(truth: dict[int, dict[str, object]]) -> None:
    deltalake.write_deltalake("table", kapture_crm.pull(**WEEK, sandbox=True))
    ids = pl.read_delta("table")["id"]
    assert sorted(ids) == sorted(truth)


def test_types_are_those_of_a_parquet_file() -> None:
    customers = kapture_crm.pull(**WEEK, sandbox=True)
    command = [kapture_crm.find_kapture(), "pull", "--sandbox", "--quiet", "-o", "week.parquet"]
    subprocess.run([*command, "--from=2024-05-01", "--to=2024-05-07"], check=True)
    file = pq.read_table("week.parquet")
    assert customers.schema.equals(file.schema)
    assert customers.to_arrow().sort_by("id").equals(file.sort_by("id"))


def test_relation_of_duckdb_can_be_evaluated_twice() -> None:
    customers = kapture_crm.pull(**WEEK, sandbox=True)  # noqa: F841 (DuckDB finds it by its name)
    relation = duckdb.sql("SELECT count(*) FROM customers")
    assert relation.fetchall() == relation.fetchall() == [(266,)]
    again = duckdb.sql("SELECT count(*) FROM customers")
    assert again.fetchall() == [(266,)]


def test_customers_are_read_from_a_server(sandbox: Sandbox, truth: dict[int, object]) -> None:
    customers = kapture_crm.pull(**WEEK, **sandbox.options)
    assert sorted(customers.to_arrow()["id"].to_pylist()) == sorted(truth)
    assert customers.summary is not None
    assert customers.summary["customers"] == len(truth)


def test_created_date_is_the_day_of_each_customer() -> None:
    table = kapture_crm.pull(**WEEK, sandbox=True, with_created_date=True).to_arrow()
    assert table.schema.field("created_date") == pa.field("created_date", pa.date32(), False)
    for created, at in zip(*table.select(["created_date", "generation_date"]), strict=True):
        assert at.as_py() is None or created.as_py() == at.as_py().date()


def test_days_can_be_a_list() -> None:
    days = [datetime.date(2024, 5, 2), "2024-05-06"]
    table = kapture_crm.pull(days=days, sandbox=True, with_created_date=True).to_arrow()
    assert {str(day) for day in table["created_date"]} == {"2024-05-02", "2024-05-06"}


def test_filters_are_options(truth: dict[int, dict[str, object]]) -> None:
    id_, record = next(iter(truth.items()))
    options = {"name": record["name"], "set": {"region": "west", "level": 3}}
    table = kapture_crm.pull(**WEEK, sandbox=True, **options).to_arrow()
    assert id_ in table["id"].to_pylist()
    assert table.num_rows < len(truth)


def test_pull_without_customers_has_the_columns() -> None:
    day = {"from_": "2024-05-01", "to": "2024-05-01"}
    customers = kapture_crm.pull(**day, sandbox=True, name="nobody of this name")
    assert customers.to_arrow().num_rows == 0
    assert customers.schema.names[0] == "id"


def test_records_are_those_of_ndjson(truth: dict[int, dict[str, object]]) -> None:
    records = kapture_crm.records(**WEEK, sandbox=True)
    assert {record["id"]: record for record in records} == truth


def test_destination_is_synced_shown_and_verified(sandbox: Sandbox) -> None:
    summary = kapture_crm.sync("week.db", **WEEK, **sandbox.options)
    assert (summary["days_done"], summary["customers"]) == (7, 266)
    status = kapture_crm.status("week.db")
    assert (status["customers"], status["missing"]) == (266, [])
    assert kapture_crm.verify("week.db", **sandbox.options) == []


def test_days_that_differ_are_a_result_of_verify(
    sandbox: Sandbox, truth: dict[int, object]
) -> None:
    kapture_crm.sync("week.db", **WEEK, **sandbox.options)
    lost = min(truth)
    with contextlib.closing(sqlite3.connect("week.db")) as database:
        database.execute("DELETE FROM customers WHERE id = ?", [lost])
        database.commit()
    differing = kapture_crm.verify("week.db", **sandbox.options)
    assert len(differing) == 1
    assert str(lost) in json.dumps(differing)
