-- Customers that a day listed when it was read last, but whose row is another day's by now.
CREATE TABLE kapture_shared_customers (
    day TEXT NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (day, id)
);
CREATE INDEX kapture_shared_customers_id ON kapture_shared_customers (id);
