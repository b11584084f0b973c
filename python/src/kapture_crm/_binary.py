"""Where the program is that the wheel brought."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path


def find_kapture() -> str:
    """Return the path of the program `kapture` that was installed with this package.

    `PATH` is not searched: another version there would not fit the package.

    >>> import kapture_crm, subprocess
    >>> subprocess.run([kapture_crm.find_kapture(), "--version"], check=True).returncode
    0

    Raises
    ------
    FileNotFoundError
        If the package was copied without its scripts.

    """
    name = "kapture" + (sysconfig.get_config_var("EXE") or "")
    folders = list(_script_folders())
    for folder in folders:
        path = folder / name
        if path.is_file():
            return str(path)
    searched = "\n".join(f"  {folder}" for folder in folders)
    raise FileNotFoundError(
        f"the program kapture is not installed beside the package kapture_crm, in none of\n"
        f"{searched}\nhint: install the wheel kapture-crm anew"
    )


def _script_folders() -> list[Path]:
    package = Path(__file__).resolve().parent
    # Of the environment of this interpreter, and of `pip install --user`.
    found = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", _user_scheme())]
    # Of `pip install --prefix` (lib/pythonX.Y/site-packages/kapture_crm) and `--target`.
    found += [str(package.parents[3] / "bin")] if len(package.parents) > 3 else []  # noqa: PLR2004
    found += [str(package.parent / "bin"), str(package.parent / "Scripts")]
    return list(dict.fromkeys(Path(folder) for folder in found if folder))


def _user_scheme() -> str:
    if sys.platform == "darwin" and sys._framework:
        return "osx_framework_user"
    return f"{os.name}_user"
