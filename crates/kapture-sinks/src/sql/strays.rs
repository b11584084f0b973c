//! The rows of a database that belong to no day of its ledger.

use crate::sql::tables::Dialect;

/// Selects the days of customers that are not in the ledger, as text, each with how many customers it has.
pub(crate) fn select_days(dialect: Dialect) -> String {
    let day = dialect.date_as_text("kapture_day");
    format!(
        "SELECT {day}, count(*) FROM customers GROUP BY kapture_day
         HAVING kapture_day NOT IN (SELECT day FROM kapture_days WHERE day IS NOT NULL)
         ORDER BY kapture_day"
    )
}

/// Counts the contacts whose customer is not there. Programs other than kapture need not check that in SQLite.
#[cfg(feature = "sqlite")]
pub(crate) const COUNT_CONTACTS: &str =
    "SELECT count(*) FROM contacts WHERE customer_id NOT IN (SELECT id FROM customers)";
