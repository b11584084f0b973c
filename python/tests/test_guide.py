"""The recipes of the guide: each section of `docs/python.md` runs as it is printed."""

import subprocess
import sys
from pathlib import Path

import pytest
from guide import PAGE, recipes

RUN = {
    title
    for title, blocks in recipes().items()
    if {"python", "bash"} & {kind for kind, _, _ in blocks}
}

# It needs an environment of its own.
ELSEWHERE = {"Spark"}


@pytest.mark.parametrize("title", sorted(RUN - ELSEWHERE))
def test_recipe_runs(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a user has, without the settings of this machine and without telemetry.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(Path.cwd()))
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    # dlt remembers pipelines there, with the folder of an earlier run.
    monkeypatch.setenv("DLT_DATA_DIR", str(Path.cwd() / "dlt"))
    for kind, name, text in recipes()[title]:
        if name:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
            continue
        programs = {"python": [sys.executable, "-c", text], "bash": ["bash", "-ec", text]}
        if kind in programs:
            done = subprocess.run(programs[kind], check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr


def test_recipes_say_whether_they_are_run() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(RUN) == 10
    for title in recipes().keys() - RUN:
        assert f"## {title}\n\nNot run here." in page
