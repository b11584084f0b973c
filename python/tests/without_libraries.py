"""Checks the package in an environment that has nothing else, with any version of Python."""

import subprocess
import sys

import kapture_crm

WEEK = {"from_": "2024-05-01", "to": "2024-05-07"}

records = list(kapture_crm.records(**WEEK, sandbox=True))
assert len({record["id"] for record in records}) == len(records) == 266

summary = kapture_crm.sync("week.db", **WEEK, sandbox=True)
assert summary["customers"] == kapture_crm.status("week.db")["customers"] == 266
assert kapture_crm.verify("week.db", sandbox=True) == []

try:
    kapture_crm.pull(**WEEK, sandbox=True).to_arrow()
except ImportError as error:
    assert "kapture-crm[arrow]" in str(error)
else:
    raise AssertionError("there is a pyarrow")

try:
    list(kapture_crm.records(**WEEK | {"from_": "never"}, sandbox=True))
except kapture_crm.UsageError as error:
    assert "never" in error.message
else:
    raise AssertionError("no day is called never")

command = ["pull", "--sandbox", "--from=2024-05-01", "--to=2024-05-07", "--quiet"]
for program in ([kapture_crm.find_kapture()], [sys.executable, "-m", "kapture_crm"]):
    lines = subprocess.run([*program, *command], check=True, capture_output=True).stdout
    assert lines.count(b"\n") == len(records)

print(f"Python {sys.version.split()[0]}: {len(records)} customers without any library")
