//! What the SQL databases share: their tables and the migrations that create them.

pub(crate) mod attributes;
pub(crate) mod changes;
pub(crate) mod erase;
pub(crate) mod history;
pub(crate) mod merge;
pub(crate) mod new_day;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod stored_table;
pub(crate) mod strays;
pub(crate) mod tables;
pub(crate) mod upgrade;
