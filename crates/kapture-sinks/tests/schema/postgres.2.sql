-- The last hundred runs that wrote to this database. failed has the days that failed, and drift
-- the fields that differed from the documentation.
CREATE TABLE kapture_runs (
    number bigint PRIMARY KEY,
    command text NOT NULL,
    started text NOT NULL,
    ended text NOT NULL,
    exit_code bigint NOT NULL,
    days_done bigint NOT NULL,
    days_failed bigint NOT NULL,
    days_skipped bigint NOT NULL,
    customers bigint NOT NULL,
    requests bigint NOT NULL,
    retries bigint NOT NULL,
    bytes bigint NOT NULL,
    failed jsonb NOT NULL,
    drift jsonb NOT NULL
);
