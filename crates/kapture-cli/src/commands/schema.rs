//! `kapture schema`.

use kapture_sinks::{Dialect, schema_sql};

use crate::args::{DialectName, SchemaArgs, SchemaFormat};
use crate::error::CliError;
use crate::output::stdout;

/// Prints the schema of the output.
pub(crate) fn run(arguments: &SchemaArgs) -> Result<(), CliError> {
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
