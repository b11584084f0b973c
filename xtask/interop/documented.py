"""The documented fields in their order, for the checks that work out what a customer becomes.

The letter is the type: i integer, d amount, f flag, t local date-time; text without a letter.
"""

CUSTOMER = """
    i:id i:cmId f:isOrganization name website address state city country latitude longitude
    currentStatus t:generationDate i:creatorId i:channelPartnerId remarks i:ratePlanId customerCode
    f:isChannelPartner pinCode i:campaignId i:campaignItemId i:campaignActivityId
    i:totalNoOfEnquiries feedbackOnCustomer t:lastModificationTime imageReferenceId classification
    customerType i:customerLevel i:zone i:companyParentId i:assignedToId d:maxCreditAmt
    i:maxCreditPeriod i:historyEmpId i:channelPartnerEmpId f:deleted companyStatus
    f:isExistingCustomer f:isExistingContact f:syncStatus syncdLocationId crossRemarks
    i:syncedStepNumber d:outStandingAmount i:salesAdminZone i:referralId f:isApi
"""
CONTACT = """
    i:id i:cmId i:leadId contactPerson gender phone additionalPhone email f:isPrimaryContact
    f:isActive t:generationDate i:parentContactId i:subOfficeId i:creatorId i:age maritalStatus
    f:isGuest phoneCountryCode i:enquiryId i:orderId f:isMergeEnable f:isMobileMasked
    f:isEmailMasked f:showBirthYear
"""
