-- A hash of the customer with its contacts, by which a changed customer is noticed.
ALTER TABLE customers ADD COLUMN kapture_hash INTEGER;

-- Every version of every customer, from when it was seen (valid_from) until another was (valid_to);
-- NULL while it is the current one. Times are UTC. Empty unless `sync --history` was given once.
-- A deleted customer has a last row with op 'delete', valid for no time and without values.
CREATE TABLE customers_history (
    id INTEGER NOT NULL,
    valid_from TEXT NOT NULL,
    valid_to TEXT,
    op TEXT NOT NULL,
    row_hash INTEGER,
    day TEXT NOT NULL,
    cm_id INTEGER,
    is_organization BOOLEAN,
    name TEXT,
    website TEXT,
    address TEXT,
    state TEXT,
    city TEXT,
    country TEXT,
    latitude TEXT,
    longitude TEXT,
    current_status TEXT,
    generation_date TEXT,
    creator_id INTEGER,
    channel_partner_id INTEGER,
    remarks TEXT,
    rate_plan_id INTEGER,
    customer_code TEXT,
    is_channel_partner BOOLEAN,
    pin_code TEXT,
    campaign_id INTEGER,
    campaign_item_id INTEGER,
    campaign_activity_id INTEGER,
    total_no_of_enquiries INTEGER,
    feedback_on_customer TEXT,
    last_modification_time TEXT,
    image_reference_id TEXT,
    classification TEXT,
    customer_type TEXT,
    customer_level INTEGER,
    zone INTEGER,
    company_parent_id INTEGER,
    assigned_to_id INTEGER,
    max_credit_amt REAL,
    max_credit_period INTEGER,
    history_emp_id INTEGER,
    channel_partner_emp_id INTEGER,
    deleted BOOLEAN,
    company_status TEXT,
    is_existing_customer BOOLEAN,
    is_existing_contact BOOLEAN,
    sync_status BOOLEAN,
    syncd_location_id TEXT,
    cross_remarks TEXT,
    synced_step_number INTEGER,
    out_standing_amount REAL,
    sales_admin_zone INTEGER,
    referral_id INTEGER,
    is_api BOOLEAN,
    extra TEXT,
    PRIMARY KEY (id, valid_from)
);
CREATE INDEX customers_history_valid_from ON customers_history (valid_from);

-- The contacts of each version.
CREATE TABLE contacts_history (
    customer_id INTEGER NOT NULL,
    valid_from TEXT NOT NULL,
    position INTEGER NOT NULL,
    id INTEGER,
    cm_id INTEGER,
    lead_id INTEGER,
    contact_person TEXT,
    gender TEXT,
    phone TEXT,
    additional_phone TEXT,
    email TEXT,
    is_primary_contact BOOLEAN,
    is_active BOOLEAN,
    generation_date TEXT,
    parent_contact_id INTEGER,
    sub_office_id INTEGER,
    creator_id INTEGER,
    age INTEGER,
    marital_status TEXT,
    is_guest BOOLEAN,
    phone_country_code TEXT,
    enquiry_id INTEGER,
    order_id INTEGER,
    is_merge_enable BOOLEAN,
    is_mobile_masked BOOLEAN,
    is_email_masked BOOLEAN,
    show_birth_year BOOLEAN,
    extra TEXT,
    PRIMARY KEY (customer_id, valid_from, position)
);

-- How many customers were read again when sealed days had an age (in days), and how many of them had
-- changed.
CREATE TABLE kapture_rereads (
    age INTEGER PRIMARY KEY,
    customers INTEGER NOT NULL,
    changed INTEGER NOT NULL
);

-- Customers that their day did not show any more, until the run ends that shows where they are.
CREATE TABLE kapture_missing (
    id INTEGER PRIMARY KEY
);
