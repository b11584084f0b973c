"""The data source in real Spark, which is started once for all tests."""

import base64
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from conftest import Sandbox
from guide import recipes
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

import kapture_crm
from kapture_crm.spark import KaptureDataSource, _last_sealed

YEAR = {"from": "2024-01-01", "to": "2024-12-31"}
PUSHDOWN = "spark.sql.python.filterPushdown.enabled"
TOKEN = base64.b64encode(b"sandbox:sandbox").decode()

LOG4J = """
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = {file}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %p %c: %m%n%ex
"""


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of Spark's log and event log."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def spark(logs: Path) -> Iterator[SparkSession]:
    """Start Spark with two threads, which logs all that it can."""
    environment = pytest.MonkeyPatch()
    # Spark keeps the folder in which it was started, and the recipes write there.
    environment.chdir(logs.parent)
    environment.setenv("PYSPARK_PYTHON", sys.executable)
    environment.setenv("SPARK_CONF_DIR", str(logs))
    environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    (logs / "log4j2.properties").write_text(LOG4J.format(file=logs / "spark.log"))
    (logs / "events").mkdir()
    builder = SparkSession.builder.master("local[2]")
    for name, value in {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (logs / "events").as_uri(),
        "spark.sql.maxMetadataStringLength": "100000",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.dataSource.register(KaptureDataSource)
    yield session
    session.stop()
    environment.undo()


@pytest.fixture
def options(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """Return the options of a connection, with the token in a file."""
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    return {
        "baseUrl": str(sandbox.options["base_url"]),
        "cmId": str(sandbox.options["cm_id"]),
        "tokenFile": str(token),
    }


@pytest.fixture(scope="session")
def year(sandbox: Sandbox) -> dict[int, dict[str, object]]:
    """Return the customers of 2024, without Spark."""
    records = kapture_crm.records(from_="2024-01-01", to="2024-12-31", **sandbox.options)
    return {record["id"]: record for record in records}


def load(spark: SparkSession, **options: str) -> DataFrame:
    """Return the table of these options."""
    return spark.read.format("kapture").options(**options).load()


def per_day(records: dict[int, dict[str, object]], last: str) -> dict[date, int]:
    """Return how many customers each day has, up to one."""
    days = Counter(str(record["generationDate"])[:10] for record in records.values())
    return {date.fromisoformat(day): count for day, count in days.items() if day <= last}


@pytest.mark.parametrize(("partitions", "count"), [({}, 4), ({"partitions": "9"}, 9)])
def test_year_in_partitions_equals_the_truth(
    spark: SparkSession,
    options: dict[str, str],
    year: dict[int, dict[str, object]],
    partitions: dict[str, str],
    count: int,
) -> None:
    table = load(spark, **YEAR, **options, **partitions)
    rows = table.select("id", "name", "generation_date", "created_date", "contacts").collect()
    assert table.rdd.getNumPartitions() == count
    assert len(rows) == len(year)
    for row in rows:
        record = year[row["id"]]
        assert row["name"] == record["name"]
        assert row["generation_date"] == datetime.fromisoformat(str(record["generationDate"]))
        assert row["created_date"] == row["generation_date"].date()
        phones = [contact["phone"] for contact in record["contacts"]]  # type: ignore[attr-defined]
        assert [contact["phone"] for contact in row["contacts"]] == phones


def test_columns_have_the_types_of_a_parquet_file(
    spark: SparkSession, options: dict[str, str]
) -> None:
    fields = {field.name: field for field in load(spark, **YEAR, **options).schema}
    kinds = ["id", "name", "generation_date", "max_credit_amt", "deleted", "created_date"]
    assert [fields[name].dataType.simpleString() for name in kinds] == [
        *["bigint", "string", "timestamp_ntz", "double", "boolean", "date"]
    ]
    assert not fields["id"].nullable
    assert "contacts" in fields
    assert "extra" in fields


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("created_date = date'2024-05-02'", ["2024-05-02", "2024-05-02"]),
        ("created_date >= date'2024-12-30'", ["2024-12-30", "2024-12-31"]),
        ("created_date < date'2024-01-03' and id > 0", ["2024-01-01", "2024-01-02"]),
        ("created_date > date'2025-01-01'", ["2025-01-02", "2025-01-02"]),
    ],
)
@pytest.mark.parametrize("pushdown", ["false", "true"])
def test_filter_leaves_the_right_rows(
    spark: SparkSession,
    options: dict[str, str],
    year: dict[int, dict[str, object]],
    condition: str,
    days: list[str],
    pushdown: str,
) -> None:
    first, last = days
    expected = {
        id_ for id_, record in year.items() if first <= str(record["generationDate"])[:10] <= last
    }
    spark.conf.set(PUSHDOWN, pushdown)
    try:
        table = load(spark, **YEAR, **options).filter(condition)
        assert sorted(row["id"] for row in table.select("id").collect()) == sorted(expected)
        if pushdown == "true":
            assert table.rdd.getNumPartitions() == 1
    finally:
        spark.conf.unset(PUSHDOWN)


def test_limit_of_requests_is_divided(options: dict[str, str]) -> None:
    source = KaptureDataSource({**YEAR, **options, "maxRps": "10", "partitions": "4"})
    partitions = source.reader(source.schema()).partitions()
    assert [partition.max_rps for partition in partitions] == [2.5] * 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"maxRsp": "5"}, "no option"),
        ({"partitions": "none"}, "whole number"),
        ({"from": "yesteryear"}, "yesteryear"),
    ],
)
def test_wrong_options_are_refused(
    spark: SparkSession, options: dict[str, str], wrong: dict[str, str], words: str
) -> None:
    with pytest.raises(PySparkException, match=words):
        load(spark, **(YEAR | options | wrong)).count()


def test_failing_server_fails_the_job(
    spark: SparkSession, options: dict[str, str], start_sandbox: Callable[..., Sandbox]
) -> None:
    server = start_sandbox()
    server.close()
    dead = options | {"baseUrl": str(server.options["base_url"]), "retryFor": "1s"}
    with pytest.raises(PySparkException, match="UnreachableError"):
        load(spark, **YEAR, **dead).count()


def test_token_is_shown_nowhere(
    spark: SparkSession,
    options: dict[str, str],
    logs: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with_token = {**YEAR, **options, "token": TOKEN}
    del with_token["tokenFile"]
    seen: list[bytes] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for command in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(command.read_bytes())
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        table = load(spark, **with_token)
        assert table.count() > 0
        table.explain(True)
    finally:
        done.set()
        watcher.join()
    assert any(b"--log-format=json" in command for command in seen)
    printed = "".join(capfd.readouterr())
    files = [path for path in logs.rglob("*") if path.is_file()]
    assert any(path.parent.name == "events" or "events" in path.parts for path in files)
    shown = {path.name: path.read_text(errors="replace") for path in files}
    shown |= {"printed": printed, "processes": b"".join(seen).decode(errors="replace")}
    for where, text in shown.items():
        assert TOKEN not in text, where
    with pytest.warns(UserWarning, match="tokenFile"):
        source = KaptureDataSource(with_token)
    assert TOKEN not in repr(vars(source))


def stream(spark: SparkSession, options: dict[str, str], to: str) -> DataFrame:
    """Return the stream of the days from the beginning of the year."""
    days = {"from": "2024-01-01", "to": to, "maxDaysPerTrigger": "3"}
    return spark.readStream.format("kapture").options(**days, **options).load()


def test_stream_gives_each_day_once_however_it_is_stopped(
    spark: SparkSession, options: dict[str, str], year: dict[int, dict[str, object]]
) -> None:
    def write(to: str, **trigger: object) -> object:
        writer = stream(spark, options, to).writeStream.format("parquet")
        writer = writer.option("checkpointLocation", str(Path("checkpoint").absolute()))
        return writer.trigger(**trigger).start(str(Path("table").absolute()))

    def written() -> dict[date, int]:
        table = spark.read.parquet(str(Path("table").absolute()))
        return {
            row["created_date"]: row["count"]
            for row in table.groupBy("created_date").count().collect()
        }

    # Stopped in the middle of its days.
    query = write("2024-01-15", processingTime="0 seconds")
    while not query.recentProgress:
        assert query.exception() is None
    query.stop()
    # Continued to the end of them, and then with nothing to do.
    for _ in range(2):
        query = write("2024-01-15", availableNow=True)
        query.awaitTermination()
        assert written() == per_day(year, "2024-01-15")
    # New days have become available.
    write("2024-01-20", availableNow=True).awaitTermination()
    assert written() == per_day(year, "2024-01-20")


def test_recipes_of_the_guide_run(spark: SparkSession) -> None:
    blocks = [text for kind, _, text in recipes()["Spark"] if kind == "python"]
    assert len(blocks) == 2
    for text in blocks:
        exec(text, {"spark": spark})  # noqa: S102
    assert spark.read.parquet("customers").count() == 266


@pytest.mark.parametrize(
    ("now", "zone", "last"),
    [
        ("2024-05-03T17:59:59", None, "2024-05-01"),
        ("2024-05-03T18:00:00", None, "2024-05-02"),
        ("2024-05-03T00:29:59", "Asia/Kolkata", "2024-05-01"),
        ("2024-05-03T00:30:00", "Asia/Kolkata", "2024-05-02"),
    ],
)
def test_day_is_sealed_when_its_grace_period_has_passed(
    now: str, zone: str | None, last: str
) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=timezone.utc)
    assert _last_sealed(at, zone).isoformat() == last
