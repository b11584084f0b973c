"""Customers of Kapture CRM by creation date, exactly.

>>> import kapture_crm as kapture
>>> customers = kapture.pull(from_="2024-05-01", to="2024-05-07", sandbox=True)
>>> customers.to_pandas().shape[0]
266

The package starts the program `kapture` that the wheel brings, and reads its output. Messages of
the program go to the logger `kapture_crm`.
"""

from kapture_crm._binary import find_kapture
from kapture_crm._commands import changes, pull, records, status, sync, verify
from kapture_crm._customers import Customers
from kapture_crm._errors import (
    DestinationError,
    DifferencesError,
    KaptureError,
    RefusedError,
    StoppedError,
    TokenError,
    UnreachableError,
    UsageError,
)

__all__ = [
    "Customers",
    "DestinationError",
    "DifferencesError",
    "KaptureError",
    "RefusedError",
    "StoppedError",
    "TokenError",
    "UnreachableError",
    "UsageError",
    "changes",
    "find_kapture",
    "pull",
    "records",
    "status",
    "sync",
    "verify",
]
