-- Customers that a day listed when it was read last, but whose row is another day's by now.
CREATE TABLE kapture_shared_customers (
    day date NOT NULL,
    id bigint NOT NULL,
    PRIMARY KEY (day, id)
);
CREATE INDEX kapture_shared_customers_id ON kapture_shared_customers (id);
