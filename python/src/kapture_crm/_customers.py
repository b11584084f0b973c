"""The customers of a pull, as a stream of Arrow record batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kapture_crm._arguments import Arguments
from kapture_crm._process import Process
from kapture_crm._types import without_extensions

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class Customers:
    """Customers that are pulled when they are read.

    Libraries that know Arrow's PyCapsule interface take this object as it is: pyarrow, polars,
    DuckDB, pandas, deltalake and others. Needs pyarrow.

    Each reading is a pull of its own: to use the customers twice, keep `to_arrow()`. A reading ends
    when all customers were read and the program has ended successfully; else it raises a
    `KaptureError`, and what was read before is not complete. A reading that is abandoned ends the
    program.

    >>> import kapture_crm
    >>> customers = kapture_crm.pull(from_="2024-05-01", to="2024-05-07", sandbox=True)
    >>> sum(batch.num_rows for batch in customers)
    266
    """

    def __init__(self, arguments: Arguments) -> None:
        """Take the arguments of the pull; nothing is started yet."""
        self._arguments = arguments
        self._lock = threading.Lock()
        self._schema: pyarrow.Schema | None = None
        # A run of which only the schema was read.
        self._begun: _Run | None = None
        self._summary: dict[str, Any] | None = None

    @property
    def schema(self) -> pyarrow.Schema:
        """The columns of the customers, with the types of a Parquet file.

        >>> import kapture_crm
        >>> customers = kapture_crm.pull(from_="2024-05-01", to="2024-05-07", sandbox=True)
        >>> customers.schema.field("generation_date").type
        TimestampType(timestamp[us])
        """
        with self._lock:
            if self._schema is None:
                self._begun = _Run(self._arguments)
                self._schema = self._begun.schema
            return self._schema

    @property
    def summary(self) -> dict[str, Any] | None:
        """The numbers of the last reading that reached its end: days, customers, requests.

        >>> import kapture_crm
        >>> customers = kapture_crm.pull(from_="2024-05-01", to="2024-05-07", sandbox=True)
        >>> _ = customers.to_arrow()
        >>> customers.summary["customers"]
        266
        """
        return self._summary

    def __iter__(self) -> Iterator[pyarrow.RecordBatch]:
        """Pull the customers, a record batch at a time.

        A batch has at most 1,024 customers, and is there as soon as its last day is complete.
        """
        run = self._take()
        try:
            yield from run
            self._summary = run.summary
        finally:
            run.close()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the stream as a PyCapsule. The pull begins when its first batch is read."""
        pyarrow = _pyarrow()
        reader = pyarrow.RecordBatchReader.from_batches(self.schema, iter(self))
        return reader.__arrow_c_stream__(requested_schema)

    def to_arrow(self, *, extension_types: bool = True) -> pyarrow.Table:
        """Pull the customers into a table of pyarrow.

        `extension_types=False` has the type of text where the schema has that of JSON, for
        libraries such as pyiceberg that know no extension types.

        >>> import kapture_crm
        >>> customers = kapture_crm.pull(from_="2024-05-01", to="2024-05-07", sandbox=True)
        >>> customers.to_arrow().num_rows
        266
        """
        table = _pyarrow().Table.from_batches(self, schema=self.schema)
        return table if extension_types else table.cast(without_extensions(table.schema))

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """Pull the customers into a DataFrame of pandas.

        The options are those of `pyarrow.Table.to_pandas`. Whole numbers of a column with nulls
        become floats, as pandas has it; `types_mapper=pandas.ArrowDtype` keeps them.

        >>> import kapture_crm
        >>> customers = kapture_crm.pull(from_="2024-05-01", to="2024-05-07", sandbox=True)
        >>> len(customers.to_pandas())
        266
        """
        return self.to_arrow().to_pandas(**options)

    def to_polars(self) -> polars.DataFrame:
        """Pull the customers into a DataFrame of polars.

        >>> import kapture_crm
        >>> customers = kapture_crm.pull(from_="2024-05-01", to="2024-05-07", sandbox=True)
        >>> customers.to_polars().height
        266
        """
        import polars

        # By way of a table, so that an error keeps its type.
        return polars.DataFrame(self.to_arrow())

    def __repr__(self) -> str:
        """Return the command line of the pull, which has no secrets."""
        return f"<kapture_crm.Customers of kapture {' '.join(self._arguments.words)}>"

    def _take(self) -> _Run:
        with self._lock:
            begun, self._begun = self._begun, None
        if begun is not None and begun.is_of_this_process:
            return begun
        return _Run(self._arguments)


class _Run:
    """One reading."""

    def __init__(self, arguments: Arguments) -> None:
        ipc = _pyarrow().ipc
        self.summary: dict[str, Any] | None = None
        self._process = Process(arguments)
        self._reader = self._read(lambda: ipc.open_stream(_File(self._process)))
        self.schema = self._reader.schema

    @property
    def is_of_this_process(self) -> bool:
        return self._process.is_of_this_process

    def __iter__(self) -> Iterator[pyarrow.RecordBatch]:
        while (batch := self._read(self._next)) is not None:
            yield batch
        self.summary = self._process.finish()

    def _next(self) -> pyarrow.RecordBatch | None:
        return next(self._reader, None)

    def _read(self, read: Any) -> Any:
        try:
            return read()
        except (_pyarrow().ArrowException, OSError):
            if self._process.is_at_end:
                # The stream broke off: the exit code says why.
                self._process.finish()
            self.close()
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._process.close()


class _File:
    """The standard output of a run, as pyarrow reads a file."""

    closed = False

    def __init__(self, process: Process) -> None:
        self._process = process

    def read(self, size: int) -> bytes:
        return self._process.read(size)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """Do nothing: the run is ended by its owner."""


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        raise ImportError(
            "reading customers as Arrow needs pyarrow: pip install 'kapture-crm[arrow]'; "
            "kapture_crm.records() needs no library"
        ) from error
    return pyarrow
