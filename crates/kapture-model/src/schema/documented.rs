//! The fields that the API documents, by owner and in the documented order.

use crate::schema::drift::Owner;

/// What a documented field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Number,
    /// An amount of money: a number with a fraction.
    Float,
    Text,
    Bool,
    Timestamp,
    Contacts,
}

/// A documented field: its name in JSON and what it holds.
pub(crate) type Documented = (&'static str, Kind);

/// The fields of an owner's object. Servers send them in this order.
pub(crate) const fn fields(owner: Owner) -> &'static [Documented] {
    match owner {
        Owner::Customer => &CUSTOMER,
        Owner::Contact => &CONTACT,
    }
}

use Kind::{Bool, Contacts, Float, Number, Text, Timestamp};

const CUSTOMER: [Documented; 50] = [
    ("id", Number),
    ("cmId", Number),
    ("isOrganization", Bool),
    ("name", Text),
    ("website", Text),
    ("address", Text),
    ("state", Text),
    ("city", Text),
    ("country", Text),
    ("latitude", Text),
    ("longitude", Text),
    ("currentStatus", Text),
    ("generationDate", Timestamp),
    ("creatorId", Number),
    ("channelPartnerId", Number),
    ("remarks", Text),
    ("ratePlanId", Number),
    ("customerCode", Text),
    ("isChannelPartner", Bool),
    ("pinCode", Text),
    ("campaignId", Number),
    ("campaignItemId", Number),
    ("campaignActivityId", Number),
    ("totalNoOfEnquiries", Number),
    ("feedbackOnCustomer", Text),
    ("contacts", Contacts),
    ("lastModificationTime", Timestamp),
    ("imageReferenceId", Text),
    ("classification", Text),
    ("customerType", Text),
    ("customerLevel", Number),
    ("zone", Number),
    ("companyParentId", Number),
    ("assignedToId", Number),
    ("maxCreditAmt", Float),
    ("maxCreditPeriod", Number),
    ("historyEmpId", Number),
    ("channelPartnerEmpId", Number),
    ("deleted", Bool),
    ("companyStatus", Text),
    ("isExistingCustomer", Bool),
    ("isExistingContact", Bool),
    ("syncStatus", Bool),
    ("syncdLocationId", Text),
    ("crossRemarks", Text),
    ("syncedStepNumber", Number),
    ("outStandingAmount", Float),
    ("salesAdminZone", Number),
    ("referralId", Number),
    ("isApi", Bool),
];

const CONTACT: [Documented; 24] = [
    ("id", Number),
    ("cmId", Number),
    ("leadId", Number),
    ("contactPerson", Text),
    ("gender", Text),
    ("phone", Text),
    ("additionalPhone", Text),
    ("email", Text),
    ("isPrimaryContact", Bool),
    ("isActive", Bool),
    ("generationDate", Timestamp),
    ("parentContactId", Number),
    ("subOfficeId", Number),
    ("creatorId", Number),
    ("age", Number),
    ("maritalStatus", Text),
    ("isGuest", Bool),
    ("phoneCountryCode", Text),
    ("enquiryId", Number),
    ("orderId", Number),
    ("isMergeEnable", Bool),
    ("isMobileMasked", Bool),
    ("isEmailMasked", Bool),
    ("showBirthYear", Bool),
];
