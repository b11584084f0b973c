-- A hash of the customer with its contacts, by which a changed customer is noticed.
ALTER TABLE customers ADD COLUMN kapture_hash bigint;

-- Every version of every customer, from when it was seen (valid_from) until another was (valid_to);
-- NULL while it is the current one. Times are UTC. Empty unless `sync --history` was given once.
-- A deleted customer has a last row with op 'delete', valid for no time and without values.
CREATE TABLE customers_history (
    id bigint NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    op text NOT NULL,
    row_hash bigint,
    day date NOT NULL,
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
    extra jsonb,
    PRIMARY KEY (id, valid_from)
);
CREATE INDEX customers_history_valid_from ON customers_history (valid_from);

-- The contacts of each version.
CREATE TABLE contacts_history (
    customer_id bigint NOT NULL,
    valid_from timestamptz NOT NULL,
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
    PRIMARY KEY (customer_id, valid_from, position)
);

-- How many customers were read again when sealed days had an age (in days), and how many of them had
-- changed.
CREATE TABLE kapture_rereads (
    age bigint PRIMARY KEY,
    customers bigint NOT NULL,
    changed bigint NOT NULL
);

-- Customers that their day did not show any more, until the run ends that shows where they are.
CREATE TABLE kapture_missing (
    id bigint PRIMARY KEY
);
