"""Customers in Spark 4.2 or newer: one pull on many executors, as a table or as a stream of days.

    from kapture_crm.spark import KaptureDataSource

    spark.dataSource.register(KaptureDataSource)
    spark.read.format("kapture").options(**{"from": "2024-01-01", "to": "2024-12-31"}).load()
    spark.readStream.format("kapture").option("from", "2024-01-01").load()

The package has to be installed on the driver and on every executor.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceStreamReader,
    EqualTo,
    Filter,
    GreaterThan,
    GreaterThanOrEqual,
    InputPartition,
    IsNotNull,
    LessThan,
    LessThanOrEqual,
)
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.streaming.datasource import (
    ReadAllAvailable,
    ReadLimit,
    ReadMaxFiles,
    SupportsTriggerAvailableNow,
)
from pyspark.sql.types import StructType

import kapture_crm
from kapture_crm import KaptureError, _arguments
from kapture_crm._types import without_extensions

if TYPE_CHECKING:
    import pyarrow

# How long after its midnight a day can still gain customers: the grace period of `kapture pull`.
_GRACE_PERIOD = timedelta(hours=6)

# The last zone in which a day ends.
_LAST_ZONE = timezone(timedelta(hours=-12))

_DAY = timedelta(days=1)


class KaptureDataSource(DataSource):
    """Customers by creation date.

    Options are those of `kapture pull`, in any spelling: `maxRps`, `max_rps` and `max-rps` are the
    same. Further ones:

    - `partitions`: how many runs of consecutive days are read at the same time. The default is one
      for each week, four at most: a partition costs requests of its own, and the CRM allows less
      than Spark can ask. `maxRps` is divided among them. Speculative execution asks twice.
    - `maxDaysPerTrigger`: for a stream, the most days of a micro-batch.

    The token comes from `tokenFile`, a file on every executor; or else from `KAPTURE_TOKEN` in the
    environment of the executors (`spark.executorEnv.KAPTURE_TOKEN`); or else from the option
    `token`, which travels to the executors in each task.

    As a table it has the days from `from` to `to`, or `last`; as a stream the days from `from` on
    which can gain no more customers, each once. `created_date` is the day of a customer.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        """Take the options of `spark.read`."""
        # Without the token, which this class would show.
        super().__init__({})
        self._settings = _Settings.of(options)

    @classmethod
    def name(cls) -> str:
        """Return the name for `format`."""
        return "kapture"

    def schema(self) -> StructType:
        """Return the columns, without asking the server."""
        return from_arrow_schema(
            without_extensions(self._settings.columns()), prefer_timestamp_ntz=True
        )

    def reader(self, schema: StructType) -> DataSourceReader:
        """Return the reader of a table."""
        kind = _FilteringReader if _is_asked_for_filters() else _Reader
        return kind(self._settings, schema)

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:
        """Return the reader of a stream."""
        return _StreamReader(self._settings, schema)


class _Secret:
    """A text that is shown to nobody."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "<secret>"


@dataclass
class _Settings:
    """The options of the data source."""

    options: dict[str, str] = field(default_factory=dict)
    """Options of `kapture pull` other than those that select days."""
    days: dict[str, str] = field(default_factory=dict)
    """Options that select days."""
    token: _Secret | None = None
    partitions: int | None = None
    max_days: int | None = None

    @classmethod
    def of(cls, options: Mapping[str, str]) -> _Settings:
        settings = cls()
        for key, value in options.items():
            name = _OPTIONS.get(_folded(key))
            if name == "token":
                settings.token = _Secret(value)
            elif name == "partitions":
                settings.partitions = _positive(key, value)
            elif name == "max_days_per_trigger":
                settings.max_days = _positive(key, value)
            elif name in ("from", "to", "last"):
                settings.days[name] = value
            elif name is not None:
                settings.options[name] = value
            else:
                raise ValueError(f"the data source kapture has no option {key}")
        if settings.token is not None:
            warnings.warn(
                "the option `token` travels in every task: name a file on the executors with the "
                "option tokenFile, or set spark.executorEnv.KAPTURE_TOKEN",
                stacklevel=2,
            )
        return settings

    def columns(self) -> pyarrow.Schema:
        # The columns depend on no tenant.
        day = "2024-05-01"
        return kapture_crm.pull(from_=day, to=day, sandbox=True, with_created_date=True).schema

    def selected(self, **days: str) -> list[date]:
        """Return the days that these options select, as `kapture plan` understands them."""
        zone = {name: value for name, value in self.options.items() if name == "time_zone"}
        plan = _arguments.of(["plan"], self.days | days | zone)
        command = [kapture_crm.find_kapture(), *plan.words]
        planned = subprocess.run(command, check=False, capture_output=True, text=True)
        if planned.returncode != 0:
            raise ValueError(planned.stderr.strip())
        return [date.fromisoformat(day) for day in planned.stdout.split()]

    def pull(self, partition: _Days) -> kapture_crm.Customers:
        options: dict[str, _arguments.Option] = {
            name: value == "true" if value in ("true", "false") else value
            for name, value in self.options.items()
        }
        if partition.max_rps is not None:
            options["max_rps"] = partition.max_rps
        has_other = "token_file" in options or any(
            os.environ.get(name)
            for name in ("KAPTURE_TOKEN", "KAPTURE_TOKEN_FILE", "KAPTURE_PASSWORD")
        )
        if self.token is not None and not has_other:
            options["token"] = self.token.text
        return kapture_crm.pull(
            from_=partition.first, to=partition.last, with_created_date=True, **options
        )

    def split(self, days: Sequence[date]) -> list[InputPartition]:
        """Divide days into runs of consecutive ones."""
        weeks = -(-len(days) // 7)
        count = min(self.partitions or min(4, weeks), len(days))
        rate = self.options.get("max_rps")
        max_rps = None if rate is None else _divided(rate, count)
        bounds = [len(days) * index // max(count, 1) for index in range(count + 1)]
        return [_Days(days[start], days[end - 1], max_rps) for start, end in pairwise(bounds)]


class _Days(InputPartition):
    """Consecutive days, which one task pulls."""

    def __init__(self, first: date, last: date, max_rps: float | None) -> None:
        self.first = first
        self.last = last
        self.max_rps = max_rps


class _Reader(DataSourceReader):
    """Reads a table."""

    def __init__(self, settings: _Settings, schema: StructType) -> None:
        self._settings = settings
        self._schema = schema
        self._days = settings.selected()

    def partitions(self) -> Sequence[InputPartition]:
        return self._settings.split(self._days)

    def read(self, partition: InputPartition) -> Iterator[pyarrow.RecordBatch]:
        # Spark makes an empty partition where there is none.
        if isinstance(partition, _Days):
            yield from _cast(self._settings.pull(partition), self._schema)


class _FilteringReader(_Reader):
    """Reads the days of a table that filters on `created_date` leave."""

    def pushFilters(self, filters: list[Filter]) -> Iterable[Filter]:
        """Return the filters that Spark has to apply itself."""
        for filter_ in filters:
            keeps = _day_filter(filter_)
            if keeps is None:
                yield filter_
            else:
                first, last = keeps
                self._days = [day for day in self._days if first <= day <= last]


class _StreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Reads days when they are sealed: when they can gain no more customers.

    An offset is the last day that was read.
    """

    def __init__(self, settings: _Settings, schema: StructType) -> None:
        if "from" not in settings.days:
            raise ValueError("a stream of the data source kapture needs the option from")
        self._settings = settings
        self._schema = schema
        # The last day of a stream that ends by itself.
        self._target: date | None = None

    def initialOffset(self) -> dict[str, str]:
        first = self._settings.selected(to=self._settings.days["from"])[0]
        return _offset(first - _DAY)

    def getDefaultReadLimit(self) -> ReadLimit:
        days = self._settings.max_days
        return ReadAllAvailable() if days is None else ReadMaxFiles(days)

    def latestOffset(self, start: dict[str, str], limit: ReadLimit) -> dict[str, str]:
        last = self._target or self._last_day()
        day = _day(start)
        if isinstance(limit, ReadMaxFiles):
            last = min(last, day + limit.max_files * _DAY)
        return _offset(max(day, last))

    def prepareForTriggerAvailableNow(self) -> None:
        self._target = self._last_day()

    def partitions(self, start: dict[str, str], end: dict[str, str]) -> Sequence[InputPartition]:
        first, count = _day(start) + _DAY, (_day(end) - _day(start)).days
        return self._settings.split([first + index * _DAY for index in range(count)])

    def read(self, partition: InputPartition) -> Iterator[pyarrow.RecordBatch]:
        if not isinstance(partition, _Days):
            return
        customers = self._settings.pull(partition)
        yield from _cast(customers, self._schema)
        if (customers.summary or {}).get("days_open") != 0:
            raise KaptureError(
                f"a day from {partition.first} to {partition.last} can still gain customers",
                "restart the stream later: its checkpoint has the days before",
            )

    def _last_day(self) -> date:
        zone = self._settings.options.get("time_zone")
        last = _last_sealed(datetime.now(timezone.utc), zone)
        to = self._settings.days.get("to")
        return last if to is None else min(last, self._settings.selected()[-1])


def _last_sealed(now: datetime, zone: str | None) -> date:
    """Return the last day that can gain no more customers: where no zone is known, anywhere."""
    settled = now - _GRACE_PERIOD
    local = settled.astimezone(_LAST_ZONE if zone is None else ZoneInfo(zone))
    return local.date() - _DAY


def _offset(day: date) -> dict[str, str]:
    return {"day": day.isoformat()}


def _day(offset: Mapping[str, str]) -> date:
    return date.fromisoformat(offset["day"])


def _day_filter(filter_: Filter) -> tuple[date, date] | None:
    """Return the first and last day that a filter on `created_date` keeps."""
    if getattr(filter_, "attribute", None) != ("created_date",):
        return None
    if isinstance(filter_, IsNotNull):
        return date.min, date.max
    value = getattr(filter_, "value", None)
    if not isinstance(value, date):
        return None
    bounds: dict[type[Filter], tuple[date, date]] = {
        EqualTo: (value, value),
        GreaterThanOrEqual: (value, date.max),
        GreaterThan: (value + _DAY, date.max),
        LessThanOrEqual: (date.min, value),
        LessThan: (date.min, value - _DAY),
    }
    return bounds.get(type(filter_))


def _is_asked_for_filters() -> bool:
    """Whether Spark asks for a reader to hand filters to.

    While `spark.sql.python.filterPushdown.enabled` is off, the default, a reader that could take
    filters fails the query. Nothing but the worker that Spark has started says which it is.
    """
    worker = "pyspark.sql.worker.data_source_pushdown_filters"
    main = getattr(sys.modules["__main__"], "__spec__", None)
    return worker in sys.modules or (main is not None and main.name == worker)


def _cast(customers: kapture_crm.Customers, schema: StructType) -> Iterator[pyarrow.RecordBatch]:
    """Give batches exactly the types that Spark derives from its schema."""
    target = to_arrow_schema(schema, timezone="UTC")
    for batch in customers:
        plain = batch.cast(without_extensions(batch.schema))
        yield plain.select(target.names).cast(target)


def _folded(name: str) -> str:
    # Spark does not keep the case of names.
    return name.replace("-", "").replace("_", "").lower()


def _positive(name: str, value: str) -> int:
    if not value.isdecimal() or int(value) == 0:
        raise ValueError(f"{name}: expected a whole number from 1, not {value}")
    return int(value)


def _divided(rate: str, count: int) -> float:
    try:
        return float(rate) / count
    except ValueError:
        raise ValueError(f"maxRps: expected a number, not {rate}") from None


_OPTIONS = {
    _folded(name): name
    for name in [
        *["from", "to", "last", "partitions", "max_days_per_trigger", "token"],
        *["profile", "config", "subdomain", "base_url", "cm_id", "endpoint", "token_file"],
        *["sandbox", "time_zone", "empty_answer", "timeout", "retry_for", "concurrency", "max_rps"],
        *["name", "phone", "email", "designation_type", "customer_id", "customer_code", "zone"],
        *["zone_id", "assigned_to_id", "assigned_to", "primary_source_id", "secondary_source_id"],
        *["tertiary_source_id", "attribute", "kind", "all_customer_page", "set", "full_body"],
        *["fewer_requests", "drop", "hash", "hash_key_file"],
    ]
}
