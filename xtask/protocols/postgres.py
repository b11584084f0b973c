"""A throw-away PostgreSQL on this machine."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile


def programs():
    """Where initdb and pg_ctl are: in PATH, or the latest of a Debian system."""
    found = shutil.which("initdb")
    if found:
        return pathlib.Path(found).parent
    versions = pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max(versions, key=lambda path: float(path.parts[-3])).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """PostgreSQL refuses to run as root, so that it runs as the user postgres then."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kapture-postgres-"))
        self.port = free_port()
        self.become = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            self.become = ["runuser", "-u", "postgres", "--"]
        self.run("initdb", "--no-sync", "--username=postgres", "--encoding=UTF8", "--auth=trust")
        settings = f"-F -c listen_addresses=127.0.0.1 -c port={self.port} -k {self.folder}"
        log = str(self.folder / "log")
        self.run("pg_ctl", "start", "--wait", "--silent", "--options", settings, "--log", log)

    def run(self, program, *arguments):
        command = [*self.become, str(programs() / program), *arguments]
        command += ["--pgdata", str(self.folder / "data")]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("pg_ctl", "stop", "--mode", "immediate", "--silent")
        shutil.rmtree(self.folder, ignore_errors=True)
