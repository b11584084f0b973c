"""A server for the tests: `kapture sandbox` on loopback, and the truth that it knows."""

import gc
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import kapture_crm

WEEK = {"from_": "2024-05-01", "to": "2024-05-07"}
"""The days that most tests pull."""


class Sandbox:
    """A running `kapture sandbox`, and the options that connect to it."""

    def __init__(self, *options: str) -> None:
        """Start it on a free port."""
        self._child = subprocess.Popen(
            [kapture_crm.find_kapture(), "sandbox", "--port=0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._child.stdout is not None
        url = self._child.stdout.readline().strip()
        assert url, "the sandbox has ended"
        self.options = {
            "base_url": url,
            "cm_id": 424242,
            "user": "sandbox",
            "password": "sandbox",
        }

    def close(self) -> None:
        """Stop it."""
        self._child.kill()
        self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of this machine out, and files in a folder of the test."""
    for name in list(os.environ):
        if name.startswith("KAPTURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A server that is well."""
    server = Sandbox()
    yield server
    server.close()


@pytest.fixture
def start_sandbox() -> Iterator[type[Sandbox]]:
    """Start servers with options of their own."""
    started = []

    def start(*options: str) -> Sandbox:
        started.append(Sandbox(*options))
        return started[-1]

    yield start  # type: ignore[misc]
    for server in started:
        server.close()


@pytest.fixture(scope="session")
def truth() -> dict[int, dict[str, object]]:
    """The customers of the week, as the command line writes them."""
    command = [kapture_crm.find_kapture(), "pull", "--sandbox", "--quiet"]
    command += ["--from=2024-05-01", "--to=2024-05-07"]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def programs() -> set[int]:
    """Return the programs that the package has started here and not waited for."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            # One that has ended and was not waited for has no words.
            if b"--log-format=json" in words or words == [b""]:
                found.add(child)
    return found


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    yield
    gc.collect()
    assert not programs(), "a program was left behind"
