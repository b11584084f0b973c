"""Syncs to SeaweedFS and Azurite as to S3 and Azure, and to a stub of Google: check.py KAPTURE WEED AZURITE FOLDER.

Each bucket must hold the same bytes as a folder, also after a run was killed at any moment, and DuckDB, Polars and
PyArrow must read it. Credentials are invented.
"""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import boto3
import botocore.config
import duckdb
import polars
import pyarrow.dataset
import pyarrow.fs
from azure.storage.blob import BlobServiceClient
from fsspec.implementations.arrow import ArrowFSWrapper

import google
from proxy import Proxy

KAPTURE, WEED, AZURITE, FOLDER = sys.argv[1:5]
FOLDER = pathlib.Path(FOLDER)
DAYS = ["--from", "2024-05-01", "--to", "2024-05-20"]
LOCK = "_kapture/lock.json"
# How many runs are killed in each store.
KILLS = int(os.environ.get("KAPTURE_STORE_KILLS", "20"))
# A lock expires within this time.
EXPIRY = 45

S3_KEYS = {"AWS_ACCESS_KEY_ID": "kapture", "AWS_SECRET_ACCESS_KEY": "invented-secret"}
# The account of every Azurite, which its documentation prints.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def free_ports(count):
    """Free ports whose number plus 10,000 is a port too: SeaweedFS takes that for gRPC."""
    sockets = []
    while len(sockets) < count:
        candidate = socket.socket()
        port = random.randrange(20_000, 30_000)
        try:
            candidate.bind(("127.0.0.1", port))
            sockets.append(candidate)
        except OSError:
            candidate.close()
    ports = [candidate.getsockname()[1] for candidate in sockets]
    for candidate in sockets:
        candidate.close()
    return ports


def until_it_listens(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"no store listens on port {port}: see the logs in {FOLDER}")


def patiently(ask):
    """Asks until the store does it, for 30 seconds."""
    for _ in range(60):
        try:
            return ask()
        except Exception as error:
            failure = error
            time.sleep(0.5)
    sys.exit(f"the store is not ready: {failure}. Its log ends so:\n{(FOLDER / 'seaweed.log').read_text()[-2000:]}")


class S3:
    name = "SeaweedFS"

    def __init__(self):
        master, volume, filer, port = free_ports(4)
        data = FOLDER / "seaweed"
        data.mkdir()
        ports = {
            "master.port": master, "volume.port": volume, "filer.port": filer, "s3.port": port,
            "s3.port.iceberg": 0, "s3.port.lance": 0,
        }
        # By default it writes nothing where less than 1 % of a disk is free.
        limits = {"master.volumeSizeLimitMB": 64, "volume.max": 50, "volume.minFreeSpace": "64MiB"}
        options = [f"-{name}={value}" for name, value in {**ports, **limits}.items()]
        self.process = subprocess.Popen(
            [WEED, "server", "-s3", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options],
            env={**os.environ, **S3_KEYS}, stdout=open(FOLDER / "seaweed.log", "wb"), stderr=subprocess.STDOUT,
        )
        until_it_listens(port, self.process)
        endpoint = f"http://127.0.0.1:{port}"
        self.port = port
        self.environment = {**S3_KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"}
        self.files = pyarrow.fs.S3FileSystem(
            access_key=S3_KEYS["AWS_ACCESS_KEY_ID"], secret_key=S3_KEYS["AWS_SECRET_ACCESS_KEY"],
            endpoint_override=f"127.0.0.1:{port}", scheme="http", region="us-east-1",
        )
        self.polars = {
            "aws_access_key_id": S3_KEYS["AWS_ACCESS_KEY_ID"], "aws_region": "us-east-1",
            "aws_secret_access_key": S3_KEYS["AWS_SECRET_ACCESS_KEY"], "aws_endpoint_url": endpoint,
        }
        self.wrong_secret = {"AWS_SECRET_ACCESS_KEY": "another-secret"}
        self.client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1",
            aws_access_key_id=S3_KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=S3_KEYS["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(retries={"max_attempts": 10}),
        )
        # It listens before it is ready.
        patiently(lambda: self.client.create_bucket(Bucket="crm"))
        patiently(lambda: self.client.put_object(Bucket="crm", Key="ready", Body=b"ready"))

    def address(self, prefix, bucket="crm"):
        return f"s3://{bucket}/{prefix}/"

    def objects(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="crm", Prefix=f"{prefix}/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.client.get_object(Bucket="crm", Key=key)["Body"].read() for key in keys}

    def delete(self, key):
        self.client.delete_object(Bucket="crm", Key=key)


class Azure:
    name = "Azurite"

    def __init__(self):
        (port,) = free_ports(1)
        self.process = subprocess.Popen(
            [AZURITE, "--location", FOLDER / "azurite", "--blobHost", "127.0.0.1", "--blobPort", str(port),
             "--skipApiVersionCheck", "--silent"],
            stdout=open(FOLDER / "azurite.log", "wb"), stderr=subprocess.STDOUT,
        )
        until_it_listens(port, self.process)
        self.endpoint = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
        self.environment = {"AZURE_STORAGE_ACCOUNT_NAME": AZURE_ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY}
        self.wrong_secret = {"AZURE_STORAGE_ACCOUNT_KEY": "d3Jvbmc="}
        self.files = pyarrow.fs.AzureFileSystem(
            account_name=AZURE_ACCOUNT, account_key=AZURE_KEY, blob_storage_authority=f"127.0.0.1:{port}",
            blob_storage_scheme="http", dfs_storage_authority=f"127.0.0.1:{port}", dfs_storage_scheme="http",
        )
        self.polars = {
            "account_name": AZURE_ACCOUNT, "account_key": AZURE_KEY, "azure_endpoint": self.endpoint,
            "azure_allow_http": "true",
        }
        self.container = BlobServiceClient(self.endpoint, credential=AZURE_KEY).create_container("crm")

    def address(self, prefix, bucket="crm"):
        return f"az://{bucket}/{prefix}/?endpoint={self.endpoint}"

    def objects(self, prefix):
        names = [blob.name for blob in self.container.list_blobs(name_starts_with=f"{prefix}/")]
        return {name: self.container.download_blob(name).readall() for name in names}

    def delete(self, key):
        self.container.delete_blob(key)


class Google:
    name = "the stub of Google"

    def __init__(self):
        self.endpoint = google.serve()
        key = {"private_key": "none", "private_key_id": "none", "client_email": "none", "disable_oauth": True}
        self.environment = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps({**key, "gcs_base_url": self.endpoint})}

    def address(self, prefix, bucket="crm"):
        return f"gs://{bucket}/{prefix}/?endpoint={self.endpoint}"

    def objects(self, prefix):
        return {key: content for key, (content, _) in google.OBJECTS.items() if key.startswith(f"{prefix}/")}

    def delete(self, key):
        del google.OBJECTS[key]


def command(store, *arguments, **environment):
    """A command whose environment has the credentials of no other store."""
    inherited = {
        name: value for name, value in os.environ.items()
        if not name.startswith(("AWS_", "AZURE_", "GOOGLE_"))
    }
    return {"args": [KAPTURE, *arguments, "--quiet"], "env": {**inherited, **store.environment, **environment}}


def sync(store, prefix, *further):
    return command(store, "sync", store.address(prefix), "--sandbox", "--format", "ndjson", *DAYS, *further)


def run(code, **arguments):
    done = subprocess.run(**arguments, capture_output=True, text=True, timeout=120)
    text = done.stdout + done.stderr
    assert done.returncode == code, f"{arguments['args']}: exit {done.returncode}\n{text}"
    for secret in (S3_KEYS["AWS_SECRET_ACCESS_KEY"], AZURE_KEY, "Signature=", "SharedKey"):
        assert secret not in text, "a secret is printed"
    return text


def customers(objects, prefix):
    """The lines of each day, which come in any order, without the metadata."""
    found = {}
    for key, content in objects.items():
        name = key.removeprefix(f"{prefix}/")
        if name.startswith("created_date="):
            found[name] = sorted(content.splitlines())
    return found


def check_killed_runs(store, expected):
    for number in range(KILLS):
        prefix = f"killed-{number}"
        process = subprocess.Popen(**sync(store, prefix), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.4 * number / KILLS)
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = customers(store.objects(prefix), prefix)
        for name, lines in found.items():
            assert lines == expected[name], f"{prefix}: {name} is not whole"
        # The owner of the lock is dead, so nobody has to wait until it expires.
        if f"{prefix}/{LOCK}" in store.objects(prefix):
            store.delete(f"{prefix}/{LOCK}")
        run(0, **sync(store, prefix))
        objects = store.objects(prefix)
        assert customers(objects, prefix) == expected, prefix
        assert f"{prefix}/{LOCK}" not in objects, "a lock is left"


class Files(ArrowFSWrapper):
    """The files of a store for DuckDB, whose own extension for stores is not on PyPI."""

    protocol = "store"

    @classmethod
    def _strip_protocol(cls, path):
        return path.removeprefix("store://").strip("/")


def read_back(store, prefix):
    """The ids in the Parquet files of a bucket, which three libraries agree on."""
    scheme = store.address(prefix).split("?")[0].rstrip("/")
    pattern = "created_date=*/customers.parquet"
    by_polars = polars.scan_parquet(f"{scheme}/{pattern}", storage_options=store.polars).collect()
    connection = duckdb.connect()
    connection.register_filesystem(Files(store.files))
    by_duckdb = connection.sql(f"SELECT id FROM read_parquet('store://crm/{prefix}/{pattern}')").fetchall()
    whole = pyarrow.dataset.dataset(f"crm/{prefix}", filesystem=store.files, format="parquet", partitioning="hive")
    by_pyarrow = sorted(whole.to_table(columns=["id"])["id"].to_pylist())
    assert sorted(by_polars["id"].to_list()) == by_pyarrow, "Polars and PyArrow differ"
    assert sorted(id for (id,) in by_duckdb) == by_pyarrow, "DuckDB and PyArrow differ"
    return by_pyarrow


def check_readers(store, expected):
    ids = sorted(json.loads(line)["id"] for lines in expected.values() for line in lines)
    parquet = command(store, "sync", store.address("parquet"), "--sandbox", *DAYS)
    # Killed when some of its days are there.
    process = subprocess.Popen(**parquet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not any("created_date" in key for key in store.objects("parquet")):
        pass
    process.kill()
    process.wait()
    assert set(read_back(store, "parquet")) <= set(ids), "a killed run left others"
    if f"parquet/{LOCK}" in store.objects("parquet"):
        store.delete(f"parquet/{LOCK}")
    run(0, **parquet)
    assert read_back(store, "parquet") == ids, "other customers are read back"


def check_two_runs(store):
    """The second run leaves. A run that sleeps longer than its lock lasts loses it, and writes nothing more."""
    proxy = Proxy(store.port)
    proxy.delay = 3
    slow = command(store, *sync(store, "two")["args"][1:-1], AWS_ENDPOINT_URL=proxy.address)
    process = subprocess.Popen(**slow, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and f"two/{LOCK}" not in store.objects("two"):
        time.sleep(0.1)
    second = run(6, **sync(store, "two"))
    assert "another run is writing" in second, second
    assert process.poll() is None, "the first run is over"
    process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    run(0, **sync(store, "two"))
    waited = time.monotonic() - began
    assert waited < EXPIRY, "a lock does not expire"
    before = store.objects("two")
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate()
    assert process.returncode == 6 and "the lock of" in said, f"exit {process.returncode}: {said}"
    assert store.objects("two") == before, "a run wrote without its lock"
    print(f"{store.name}: a lock was taken over after {waited:.0f} s, and its first owner stopped")


def check_troubled_store(store, expected):
    proxy = Proxy(store.port)
    through = {"AWS_ENDPOINT_URL": proxy.address}
    proxy.delay, proxy.fails_each = 0.03, 5
    run(0, **command(store, *sync(store, "slow")["args"][1:-1], **through))
    assert customers(store.objects("slow"), "slow") == expected, "a slow and failing store has something else"
    proxy.delay, proxy.fails_each, proxy.writes = 0, 0, 10
    denied = run(6, **command(store, *sync(store, "denied")["args"][1:-1], **through))
    assert "permi" in denied.lower(), denied
    for name, lines in customers(store.objects("denied"), "denied").items():
        assert lines == expected[name], f"{name} is not whole"
    store.delete(f"denied/{LOCK}") if f"denied/{LOCK}" in store.objects("denied") else None
    run(0, **sync(store, "denied"))
    assert customers(store.objects("denied"), "denied") == expected, "not repaired"
    print(f"{store.name}: slow and failing, and without permission in mid-run")


def check(store, expected):
    run(0, **sync(store, "all"))
    objects = store.objects("all")
    assert customers(objects, "all") == expected, "the bucket differs from the folder"
    assert json.loads(objects["all/_kapture/manifest.json"])["format"] == "ndjson"
    run(0, **command(store, "status", store.address("all")))
    run(0, **command(store, "verify", store.address("all"), "--sandbox"))
    # Another object under a day's key makes the day stale, and the next run replaces it.
    key = next(key for key in objects if "created_date=" in key)
    store.delete(key)
    status = json.loads(run(0, **command(store, "status", store.address("all"), "--json")))
    assert len(status["stale"]) == 1, status["stale"]
    run(0, **sync(store, "all"))
    assert customers(store.objects("all"), "all") == expected, "a stale day is not replaced"
    check_killed_runs(store, expected)
    missing = run(6, **command(store, "status", store.address("all", bucket="nowhere")))
    assert "the bucket does not exist" in missing, missing
    print(f"{store.name}: as a folder, after {KILLS} killed runs")


def check_real_store(store, expected):
    """What the stub of Google cannot do: signatures, and readers of its own."""
    check_readers(store, expected)
    wrong = run(6, **command(store, "status", store.address("all"), **store.wrong_secret))
    assert "credentials" in wrong, wrong
    print(f"{store.name}: read by DuckDB, Polars and PyArrow")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    stores = []
    try:
        stores = [S3(), Azure()]
        folder = FOLDER / "folder"
        arguments = ["sync", f"{folder}/", "--sandbox", "--format", "ndjson", *DAYS]
        run(0, **command(stores[0], *arguments))
        days = folder.glob("created_date=*/customers.ndjson")
        expected = {str(path.relative_to(folder)): sorted(path.read_bytes().splitlines()) for path in days}
        assert len(expected) > 15, "hardly any day has customers"
        for store in [*stores, Google()]:
            check(store, expected)
        for store in stores:
            check_real_store(store, expected)
        check_two_runs(stores[0])
        check_troubled_store(stores[0], expected)
    finally:
        for store in stores:
            store.process.kill()
            store.process.wait()


main()
