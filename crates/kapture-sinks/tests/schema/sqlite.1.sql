-- One row for each customer. kapture_day is the day it was pulled with: the day of its
-- generation_date, or of the window that returned it if that date cannot be read.
-- extra holds, as one JSON object, the fields that have no column.
CREATE TABLE customers (
    kapture_day TEXT NOT NULL,
    id INTEGER PRIMARY KEY,
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
    extra TEXT
);
CREATE INDEX customers_kapture_day ON customers (kapture_day);
CREATE INDEX customers_generation_date ON customers (generation_date);

-- One row for each contact, by its position in its customer's list of contacts.
CREATE TABLE contacts (
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
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
    PRIMARY KEY (customer_id, position)
);
CREATE INDEX contacts_id ON contacts (id);

-- The ledger: one receipt for each day that was pulled; a sealed day can gain no more customers.
CREATE TABLE kapture_days (
    day TEXT PRIMARY KEY,
    customers INTEGER NOT NULL,
    checksum TEXT NOT NULL,
    undated INTEGER NOT NULL,
    fetched TEXT NOT NULL,
    state TEXT NOT NULL,
    end_bound TEXT NOT NULL,
    proof TEXT NOT NULL,
    empty_response TEXT
);

-- Customers that a day returned when it was pulled last, but whose row has another day.
CREATE TABLE kapture_shared_customers (
    day TEXT NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (day, id)
);
CREATE INDEX kapture_shared_customers_id ON kapture_shared_customers (id);

-- The manifest: whose customers this database holds, and the version of its schema.
CREATE TABLE kapture_manifest (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
