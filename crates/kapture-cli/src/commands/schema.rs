//! `kapture schema`.

use kapture_sinks::{Dialect, schema_sql};

use crate::args::{DialectName, SchemaArguments, SchemaFormat};
use crate::error::Failure;
use crate::output::stdout;

/// Prints what comes out, as others can read it.
pub(crate) fn run(arguments: &SchemaArguments) -> Result<(), Failure> {
    let dialect = match arguments.dialect {
        DialectName::Sqlite => Dialect::Sqlite,
        DialectName::Postgres => Dialect::Postgres,
    };
    let text = match arguments.format {
        SchemaFormat::JsonSchema => format!("{:#}\n", kapture_model::json_schema()),
        SchemaFormat::Sql => format!("{}\n", schema_sql(dialect).trim_end()),
    };
    stdout::print(&text)
}
