//! Filters: which customers to ask for.

use clap::{Args, ValueEnum};

/// Which customers to ask for; without filters all of them.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// Customers of this name
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// Customers with this phone number
    #[arg(long, value_name = "TEXT")]
    pub(crate) phone: Option<String>,
    /// Customers with this e-mail address
    #[arg(long, value_name = "TEXT")]
    pub(crate) email: Option<String>,
    /// Customers of this designation type
    #[arg(long, value_name = "TEXT")]
    pub(crate) designation_type: Option<String>,
    /// The customer with this id
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer_id: Option<String>,
    /// The customer with this code
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer_code: Option<String>,
    /// Customers of these zones (zoneIdStr)
    #[arg(long, value_name = "TEXT", conflicts_with = "zone_id")]
    pub(crate) zone: Option<String>,
    /// Customers of the zone with this number
    #[arg(long, value_name = "N")]
    pub(crate) zone_id: Option<u64>,
    /// Customers assigned to the employee with this number
    #[arg(long, value_name = "N", conflicts_with = "assigned_to")]
    pub(crate) assigned_to_id: Option<u64>,
    /// Customers assigned to these employees (assignedToIdStr)
    #[arg(long, value_name = "TEXT")]
    pub(crate) assigned_to: Option<String>,
    /// Customers from this primary source
    #[arg(long, value_name = "N")]
    pub(crate) primary_source_id: Option<u64>,
    /// Customers from this secondary source
    #[arg(long, value_name = "N")]
    pub(crate) secondary_source_id: Option<u64>,
    /// Customers from this tertiary source
    #[arg(long, value_name = "N")]
    pub(crate) tertiary_source_id: Option<u64>,
    /// Customers whose attribute N (1 to 15) has this value; can be repeated
    #[arg(long = "attribute", value_name = "N=VALUE")]
    pub(crate) attributes: Vec<String>,
    /// Customers of this kind
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<Kind>,
    /// Search with the tenant's "all customers" page configuration
    #[arg(long)]
    pub(crate) all_customer_page: bool,
    /// Send another key with each request; VALUE is JSON, or else text; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Send every documented key with each request, for servers that require it
    #[arg(long)]
    pub(crate) full_body: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Organisations
    Organisation,
    /// Individuals
    Individual,
    /// Channel partners
    ChannelPartner,
}
