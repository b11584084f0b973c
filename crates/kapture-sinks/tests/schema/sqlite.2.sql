-- The last hundred runs that wrote to this database. failed has the days that failed, and drift
-- the fields that differed from the documentation.
CREATE TABLE kapture_runs (
    number INTEGER PRIMARY KEY,
    command TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT NOT NULL,
    exit_code INTEGER NOT NULL,
    days_done INTEGER NOT NULL,
    days_failed INTEGER NOT NULL,
    days_skipped INTEGER NOT NULL,
    customers INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    failed TEXT NOT NULL,
    drift TEXT NOT NULL
);
