-- One row for each customer. kapture_day is the day it was pulled with: the day of its
-- generation_date, or of the window that returned it if that date cannot be read.
-- extra holds, as one JSON object, the fields that have no column.
CREATE TABLE customers (
    kapture_day date NOT NULL,
    id bigint PRIMARY KEY,
    cm_id bigint,
    is_organization boolean,
    name text,
    website text,
    address text,
    state text,
    city text,
    country text,
    latitude text,
    longitude text,
    current_status text,
    generation_date timestamp,
    creator_id bigint,
    channel_partner_id bigint,
    remarks text,
    rate_plan_id bigint,
    customer_code text,
    is_channel_partner boolean,
    pin_code text,
    campaign_id bigint,
    campaign_item_id bigint,
    campaign_activity_id bigint,
    total_no_of_enquiries bigint,
    feedback_on_customer text,
    last_modification_time timestamp,
    image_reference_id text,
    classification text,
    customer_type text,
    customer_level bigint,
    zone bigint,
    company_parent_id bigint,
    assigned_to_id bigint,
    max_credit_amt double precision,
    max_credit_period bigint,
    history_emp_id bigint,
    channel_partner_emp_id bigint,
    deleted boolean,
    company_status text,
    is_existing_customer boolean,
    is_existing_contact boolean,
    sync_status boolean,
    syncd_location_id text,
    cross_remarks text,
    synced_step_number bigint,
    out_standing_amount double precision,
    sales_admin_zone bigint,
    referral_id bigint,
    is_api boolean,
    extra jsonb
);
CREATE INDEX customers_kapture_day ON customers (kapture_day);
CREATE INDEX customers_generation_date ON customers (generation_date);

-- One row for each contact, by its position in its customer's list of contacts.
CREATE TABLE contacts (
    customer_id bigint NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    position bigint NOT NULL,
    id bigint,
    cm_id bigint,
    lead_id bigint,
    contact_person text,
    gender text,
    phone text,
    additional_phone text,
    email text,
    is_primary_contact boolean,
    is_active boolean,
    generation_date timestamp,
    parent_contact_id bigint,
    sub_office_id bigint,
    creator_id bigint,
    age bigint,
    marital_status text,
    is_guest boolean,
    phone_country_code text,
    enquiry_id bigint,
    order_id bigint,
    is_merge_enable boolean,
    is_mobile_masked boolean,
    is_email_masked boolean,
    show_birth_year boolean,
    extra jsonb,
    PRIMARY KEY (customer_id, position)
);
CREATE INDEX contacts_id ON contacts (id);

-- The ledger: one receipt for each day that was pulled; a sealed day can gain no more customers.
CREATE TABLE kapture_days (
    day date PRIMARY KEY,
    customers bigint NOT NULL,
    checksum text NOT NULL,
    undated bigint NOT NULL,
    fetched text NOT NULL,
    state text NOT NULL,
    end_bound text NOT NULL,
    proof text NOT NULL,
    empty_response text
);

-- Customers that a day returned when it was pulled last, but whose row has another day.
CREATE TABLE kapture_shared_customers (
    day date NOT NULL,
    id bigint NOT NULL,
    PRIMARY KEY (day, id)
);
CREATE INDEX kapture_shared_customers_id ON kapture_shared_customers (id);

-- The manifest: whose customers this database holds, and the version of its schema.
CREATE TABLE kapture_manifest (
    name text PRIMARY KEY,
    value text NOT NULL
);
