"""Runs the connector for Airbyte as its image does: airbyte_image.py KAPTURE DOCKERFILE.

No registry is needed: the folder `root` is filled as the stage `airbyte` of DOCKERFILE says, with the programs beside
KAPTURE. A shell and `useradd` of this machine stand in for those of the base image. Only root may change the root.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from airbyte_messages import fail
from tenant import Tenant

KAPTURE, DOCKERFILE = map(pathlib.Path, sys.argv[1:3])
ROOT = pathlib.Path("root").absolute()
# What stands in for the base image.
BASE = ["/bin/sh"]


def stages(text):
    """The instructions of each stage by its name, as pairs of a keyword and the rest of the line."""
    lines = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    found = {}
    for line in filter(None, map(str.strip, lines)):
        keyword, rest = line.split(maxsplit=1)
        if keyword == "FROM":
            instructions = found[rest.split()[-1]] = []
        else:
            instructions.append((keyword, rest))
    return found


def put(source, target):
    """Copies a program with the libraries that it is linked to, or another file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    linked = subprocess.run(["ldd", source], capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", linked):
        copy = ROOT / library[1:]
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, copy)


def build(instructions):
    """What the build stage installs: the source of each file, and the folders."""
    files, folders = {}, []
    for keyword, rest in instructions:
        for command in rest.split("&&") if keyword == "RUN" else []:
            words = shlex.split(command)
            if words[:2] == ["install", "-d"]:
                folders.append((words[-1], int(words[words.index("-m") + 1], 8)))
            elif words[0] == "install":
                source = pathlib.Path(words[-2])
                files[words[-1]] = source if source.is_absolute() else KAPTURE.with_name(source.name)
    return files, folders


def make(text):
    """Fills the root folder, and returns the settings of the image."""
    files, folders = build(stages(text)["build"])
    shutil.rmtree(ROOT, ignore_errors=True)
    for name in ("etc", "proc"):
        (ROOT / name).mkdir(parents=True)
    for name in ("passwd", "group"):
        (ROOT / "etc" / name).write_text("")
    for program in BASE:
        put(program, ROOT / program[1:])
    image = {"ENV": {}, "LABEL": {}}
    for keyword, rest in stages(text)["airbyte"]:
        match keyword:
            case "COPY":
                source, target = rest.split()[1:]
                for path, original in files.items():
                    if path == source:
                        put(original, ROOT / target[1:])
                    elif path.startswith(source + "/"):
                        put(original, ROOT / target[1:] / path[len(source) + 1 :])
                for path, mode in folders:
                    if path.startswith(source + "/"):
                        folder = ROOT / target[1:] / path[len(source) + 1 :]
                        folder.mkdir(parents=True, exist_ok=True)
                        folder.chmod(mode)
            case "RUN" if rest.startswith("useradd "):
                command = ["useradd", "--root", ROOT, *shlex.split(rest)[1:]]
                subprocess.run(command, check=True, capture_output=True)
            case "ENV" | "LABEL":
                name, value = rest.split("=", 1)
                image[keyword][name] = value.strip('"')
            case "USER" | "WORKDIR":
                image[keyword] = rest
            case "ENTRYPOINT":
                image[keyword] = json.loads(rest)
            case _:
                fail(f"{DOCKERFILE}: {keyword} {rest} cannot be shown without a registry")
    return image


def judge(image):
    """What the platform expects of an image."""
    (program,) = image["ENTRYPOINT"]
    if not program.startswith("/") or image["ENV"]["AIRBYTE_ENTRYPOINT"] != program:
        fail(f"AIRBYTE_ENTRYPOINT is not the absolute path in ENTRYPOINT, {program}")
    version = subprocess.run([KAPTURE, "--version"], capture_output=True, text=True)
    labels = {name: image["LABEL"].get(f"io.airbyte.{name}") for name in ("name", "version")}
    expected = {"name": "kapture/source-kapture", "version": version.stdout.split()[1]}
    if labels != expected:
        fail(f"the labels are {labels}, not {expected}")


def run(image, command):
    """The messages of a command, which is started through a shell as the platform does."""
    passwd = (ROOT / "etc/passwd").read_text().splitlines()
    user = next(line.split(":") for line in passwd if line.startswith(image["USER"] + ":"))
    line = f"cd {image['WORKDIR']} && eval \"$AIRBYTE_ENTRYPOINT {command}\""
    # With a /proc, as a container has it.
    inside = [shutil.which("unshare"), "--mount", "--pid", "--fork", f"--mount-proc={ROOT / 'proc'}"]
    inside += [shutil.which("chroot"), f"--userspec={user[2]}:{user[3]}", ROOT, "/bin/sh", "-c", line]
    done = subprocess.run(inside, env=image["ENV"], capture_output=True, text=True)
    if done.returncode:
        fail(f"{command} in the image: exit code {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    image = make(DOCKERFILE.read_text())
    judge(image)
    (spec,) = run(image, "spec")
    with Tenant(KAPTURE) as tenant:
        folder = ROOT / image["WORKDIR"][1:]
        (folder / "config.json").write_text(json.dumps(tenant.settings()))
        (status,) = run(image, "check --config config.json")
        streams = run(image, "discover --config config.json")[0]["catalog"]["streams"]
        configured = [
            {"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
            for stream in streams
        ]
        (folder / "catalog.json").write_text(json.dumps({"streams": configured}))
        messages = run(image, "read --config config.json --catalog catalog.json")
        records = [message for message in messages if message["type"] == "RECORD"]
        expected = len(tenant.truth())
        customers = sum(message["record"]["stream"] == "customers" for message in records)
    if (spec["type"], status["connectionStatus"]["status"]) != ("SPEC", "SUCCEEDED"):
        fail(f"spec and check in the image: {spec['type']}, {status}")
    if customers != expected:
        fail(f"read in the image: {customers} customers, not {expected}")
    print(f"in the image as {image['USER']}: spec, check, discover, and read of {customers} customers")


if os.geteuid():
    print("SKIPPED: only root may change the root folder: the image was not tried")
else:
    main()
