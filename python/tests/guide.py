"""The sections of `docs/python.md`, and what is to be run in each."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "python.md"

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipes() -> dict[str, list[tuple[str, str, str]]]:
    """Return the blocks of each section by its title: kind, name of a file, and text."""
    _, *sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {section.partition("\n")[0]: BLOCK.findall(section) for section in sections}
