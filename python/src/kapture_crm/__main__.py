"""`python -m kapture_crm` is the command line of kapture."""

import os
import subprocess
import sys

from kapture_crm import find_kapture


def main() -> None:
    """Run the program in place of this process."""
    program = [find_kapture(), *sys.argv[1:]]
    if sys.platform == "win32":
        sys.exit(subprocess.run(program, check=False).returncode)
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main()
