"""What a reader sees when something goes wrong: an exception or the truth, never a short table."""

import fcntl
import gc
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from conftest import WEEK, Sandbox, programs

import kapture_crm
from kapture_crm import _arguments
from kapture_crm._customers import _File
from kapture_crm._process import Process

QUARTER = {"from_": "2024-01-01", "to": "2024-03-31"}
"""More days than fit into the pipe between the program and this one."""

READERS: dict[str, Callable[[kapture_crm.Customers], object]] = {
    "to_arrow": lambda customers: customers.to_arrow(),
    "to_pandas": lambda customers: customers.to_pandas(),
    "to_polars": lambda customers: customers.to_polars(),
    "batches": list,
}

LIBRARIES: dict[str, Callable[[kapture_crm.Customers], object]] = {
    "pyarrow": lambda customers: pa.RecordBatchReader.from_stream(customers).read_all(),
    "polars": pl.DataFrame,
    "duckdb": lambda customers: duckdb.sql("SELECT sum(id) FROM customers").fetchall(),
}


def killed_in_midstream(options: dict[str, object]) -> kapture_crm.Customers:
    """Return customers whose program is killed after the first batch."""
    customers = kapture_crm.pull(**QUARTER, **options)
    before = programs()
    batches = iter(customers)
    first = next(batches)
    (program,) = programs() - before

    def rest() -> Iterator[pa.RecordBatch]:
        yield first
        os.kill(program, signal.SIGKILL)
        yield from batches

    customers.schema  # noqa: B018
    customers.__class__ = type("Killed", (kapture_crm.Customers,), {"__iter__": lambda _: rest()})
    return customers


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_killed_program_is_an_exception(
    read: Callable[[kapture_crm.Customers], object], sandbox: Sandbox
) -> None:
    customers = killed_in_midstream(sandbox.options)
    with pytest.raises(kapture_crm.StoppedError, match="signal 9"):
        read(customers)


@pytest.mark.parametrize("read", LIBRARIES.values(), ids=LIBRARIES)
def test_killed_program_is_an_exception_of_each_library(
    read: Callable[[kapture_crm.Customers], object], sandbox: Sandbox
) -> None:
    customers = killed_in_midstream(sandbox.options)
    with pytest.raises(Exception, match="signal 9"):
        read(customers)


def test_killed_program_ends_records_with_an_exception(sandbox: Sandbox) -> None:
    before = programs()
    records = kapture_crm.records(**QUARTER, **sandbox.options)
    next(records)
    (program,) = programs() - before
    os.kill(program, signal.SIGKILL)
    with pytest.raises(kapture_crm.StoppedError, match="signal 9"):
        list(records)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_refused_token_is_an_exception(
    read: Callable[[kapture_crm.Customers], object], sandbox: Sandbox
) -> None:
    options = sandbox.options | {"password": "wrong"}
    with pytest.raises(kapture_crm.TokenError) as caught:
        read(kapture_crm.pull(**WEEK, **options))
    assert caught.value.exit_code == 3
    assert caught.value.hint
    assert "wrong" not in str(caught.value)


def test_dead_server_is_an_exception(start_sandbox: Callable[..., Sandbox]) -> None:
    server = start_sandbox()
    server.close()
    customers = kapture_crm.pull(**WEEK, **server.options, retry_for="1s")
    with pytest.raises(kapture_crm.UnreachableError):
        customers.to_arrow()
    with pytest.raises(kapture_crm.UnreachableError):
        list(kapture_crm.records(**WEEK, **server.options, retry_for="1s"))


def test_server_that_dies_in_midstream_is_an_exception(
    start_sandbox: Callable[..., Sandbox],
) -> None:
    server = start_sandbox()
    options = QUARTER | server.options | {"retry_for": "1s", "concurrency": 1}
    batches = iter(kapture_crm.pull(**options))
    next(batches)
    server.close()
    with pytest.raises(kapture_crm.UnreachableError):
        list(batches)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"from_": "2024-05-07", "to": "2024-05-01"}, kapture_crm.UsageError),
        ({"fromm": "2024-05-01"}, kapture_crm.UsageError),
        ({**WEEK, "max_rps": "many"}, kapture_crm.UsageError),
    ],
)
def test_wrong_options_are_refused(
    options: dict[str, object], error: type[kapture_crm.KaptureError]
) -> None:
    with pytest.raises(error):
        kapture_crm.pull(**options, sandbox=True).to_arrow()


@pytest.mark.parametrize("options", [{"format": "csv"}, {"log_format": "text"}, {"zone": object()}])
def test_options_that_no_command_line_has_are_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=next(iter(options))):
        kapture_crm.pull(**WEEK, sandbox=True, **options)


def test_slow_reader_gets_all_customers(sandbox: Sandbox) -> None:
    expected = kapture_crm.pull(**QUARTER, **sandbox.options).to_arrow()
    process = Process(_arguments.of(["pull", "--format=arrow"], QUARTER | sandbox.options))
    pipe = process._stdout().fileno()
    waiting = 0
    # The program writes on until the pipe is full.
    while waiting < fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) * 3 // 4:
        waiting = int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
        time.sleep(0.01)
    table = pa.ipc.open_stream(_File(process)).read_all()
    process.finish()
    assert table.sort_by("id").equals(expected.sort_by("id"))


@pytest.mark.parametrize("function", [kapture_crm.records, lambda **o: iter(kapture_crm.pull(**o))])
@pytest.mark.parametrize("abandon", ["close", "forget", "break"])
def test_abandoned_iterator_ends_the_program(
    function: Callable[..., Iterator[object]], abandon: str, sandbox: Sandbox
) -> None:
    iterator = function(**QUARTER, **sandbox.options)
    if abandon == "break":
        for _ in iterator:
            break
    else:
        next(iterator)
    assert programs()
    if abandon == "close":
        iterator.close()  # type: ignore[attr-defined]
    del iterator
    gc.collect()
    assert not programs()


def test_customers_of_which_only_the_schema_was_read_end_the_program(sandbox: Sandbox) -> None:
    customers = kapture_crm.pull(**QUARTER, **sandbox.options)
    assert customers.schema.names[0] == "id"
    assert programs()
    del customers
    gc.collect()
    assert not programs()


def test_twenty_threads_pull_at_the_same_time(sandbox: Sandbox, truth: dict[int, object]) -> None:
    customers = kapture_crm.pull(**WEEK, **sandbox.options)
    with ThreadPoolExecutor(20) as threads:
        tables = list(threads.map(lambda _: customers.to_arrow(), range(20)))
    for table in tables:
        assert sorted(table["id"].to_pylist()) == sorted(truth)


def pull_in_a_fork(options: dict[str, object]) -> int:
    """Run in a process that was forked from this one."""
    return int(kapture_crm.pull(**WEEK, **options).to_arrow().num_rows)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_pulls_for_itself_and_leaves_other_pulls_alone(sandbox: Sandbox) -> None:
    expected = kapture_crm.pull(**QUARTER, **sandbox.options).to_arrow().num_rows
    customers = kapture_crm.pull(**QUARTER, **sandbox.options)
    batches = iter(customers)
    rows = next(batches).num_rows
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(pull_in_a_fork, [sandbox.options] * 4) == [266] * 4
    rows += sum(batch.num_rows for batch in batches)
    assert rows == expected


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_neither_reads_nor_holds_a_pull(sandbox: Sandbox) -> None:
    batches = iter(kapture_crm.pull(**QUARTER, **sandbox.options))
    next(batches)
    reader, writer = os.pipe()
    fork = os.fork()
    if fork == 0:
        try:
            list(batches)
        except RuntimeError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as answer:
        assert "fork" in answer.read()
    os.waitpid(fork, 0)
    assert sum(batch.num_rows for batch in batches) > 0


def test_interrupt_ends_the_program_and_the_reading(sandbox: Sandbox, tmp_path: Path) -> None:
    script = tmp_path / "reader.py"
    script.write_text(
        textwrap.dedent("""
            import json, sys
            import kapture_crm
            batches = iter(kapture_crm.pull(**json.loads(sys.argv[1])))
            try:
                next(batches)
                print("reading", flush=True)
                for batch in batches:
                    pass
            except KeyboardInterrupt:
                print("interrupted", flush=True)
        """)
    )
    slow = sandbox.options | {"max_rps": 20}
    with subprocess.Popen(
        [sys.executable, script, json.dumps(QUARTER | slow)], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        reader.send_signal(signal.SIGINT)
        assert reader.stdout.read() == "interrupted\n"
        assert reader.wait() == 0
