//! The fields that the API documents, by owner and in the documented order.

use crate::drift::Owner;

/// What a documented field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Number,
    /// An amount of money: a number with a fraction.
    Decimal,
    Text,
    Flag,
    Date,
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

use Kind::{Contacts, Date, Decimal, Flag, Number, Text};

const CUSTOMER: [Documented; 50] = [
    ("id", Number),
    ("cmId", Number),
    ("isOrganization", Flag),
    ("name", Text),
    ("website", Text),
    ("address", Text),
    ("state", Text),
    ("city", Text),
    ("country", Text),
    ("latitude", Text),
    ("longitude", Text),
    ("currentStatus", Text),
    ("generationDate", Date),
    ("creatorId", Number),
    ("channelPartnerId", Number),
    ("remarks", Text),
    ("ratePlanId", Number),
    ("customerCode", Text),
    ("isChannelPartner", Flag),
    ("pinCode", Text),
    ("campaignId", Number),
    ("campaignItemId", Number),
    ("campaignActivityId", Number),
    ("totalNoOfEnquiries", Number),
    ("feedbackOnCustomer", Text),
    ("contacts", Contacts),
    ("lastModificationTime", Date),
    ("imageReferenceId", Text),
    ("classification", Text),
    ("customerType", Text),
    ("customerLevel", Number),
    ("zone", Number),
    ("companyParentId", Number),
    ("assignedToId", Number),
    ("maxCreditAmt", Decimal),
    ("maxCreditPeriod", Number),
    ("historyEmpId", Number),
    ("channelPartnerEmpId", Number),
    ("deleted", Flag),
    ("companyStatus", Text),
    ("isExistingCustomer", Flag),
    ("isExistingContact", Flag),
    ("syncStatus", Flag),
    ("syncdLocationId", Text),
    ("crossRemarks", Text),
    ("syncedStepNumber", Number),
    ("outStandingAmount", Decimal),
    ("salesAdminZone", Number),
    ("referralId", Number),
    ("isApi", Flag),
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
    ("isPrimaryContact", Flag),
    ("isActive", Flag),
    ("generationDate", Date),
    ("parentContactId", Number),
    ("subOfficeId", Number),
    ("creatorId", Number),
    ("age", Number),
    ("maritalStatus", Text),
    ("isGuest", Flag),
    ("phoneCountryCode", Text),
    ("enquiryId", Number),
    ("orderId", Number),
    ("isMergeEnable", Flag),
    ("isMobileMasked", Flag),
    ("isEmailMasked", Flag),
    ("showBirthYear", Flag),
];
