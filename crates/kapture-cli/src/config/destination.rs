//! Destination and format of records, validated before anything is opened.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use chrono_tz::Tz;
use kapture_sinks::{
    Dataset, Destination, Encoding, Format, Identity, Rows, Sink, SinkError, Tee, canonicalize,
};

use crate::args::OutputFormatArgs;
use crate::error::hinted;

/// Destination and format of records.
#[derive(Debug)]
pub(crate) struct RecordOutput {
    pub(crate) destination: Destination,
    encoding: Encoding,
    contacts: Option<(Destination, Encoding)>,
}

impl RecordOutput {
    /// Resolves `-o WHERE` and the format options.
    pub(crate) fn resolve(text: &str, form: &OutputFormatArgs, zone: Option<Tz>) -> Result<Self> {
        let asked = form.format.as_deref().map(str::parse).transpose()?;
        let destination = Destination::parse(text, asked)?;
        let format = match &destination {
            Destination::File { format, .. } => *format,
            Destination::StandardOutput => asked.unwrap_or(Format::Ndjson),
            // An existing folder keeps its format. If it cannot be read, opening the folder reports
            // why.
            Destination::Dataset(path) => {
                let held = || Dataset::format(path).ok().flatten();
                asked.or_else(held).unwrap_or(Format::Parquet)
            }
            Destination::Sqlite(_) | Destination::Postgres(_) => Format::Ndjson,
        };
        let mut encoding = Encoding::new(format);
        encoding.zone = zone.unwrap_or(Tz::UTC);
        encoding.raw = form.raw;
        encoding.spreadsheet_safe = form.spreadsheet_safe;
        let lines = matches!(
            destination,
            Destination::StandardOutput | Destination::File { .. }
        ) && format == Format::Ndjson;
        if form.raw && !lines {
            bail!(
                "--raw writes the JSON of the API: it needs --format ndjson, and standard output or one file"
            );
        }
        if form.spreadsheet_safe && format != Format::Csv && form.contacts.is_none() {
            bail!("--spreadsheet-safe is for CSV: add --format csv, or omit it");
        }
        if destination == Destination::StandardOutput
            && format == Format::Parquet
            && std::io::stdout().is_terminal()
        {
            bail!("cannot print Parquet on a terminal: add -o customers.parquet");
        }
        Ok(Self {
            contacts: contacts(form, &encoding)?,
            destination,
            encoding,
        })
    }

    /// Refuses one file for two purposes: `further` are the other files that are read or written.
    pub(crate) fn check_apart(&self, further: &[(&str, Option<&Path>)]) -> Result<()> {
        let mut files = Vec::new();
        if let Destination::File { path, .. } | Destination::Sqlite(path) = &self.destination {
            files.push(("-o", canonicalize(path)));
        }
        for (flag, path) in further {
            let Some(path) = path.filter(|path| *path != Path::new("-")) else {
                continue;
            };
            let path = canonicalize(path);
            if let Destination::Dataset(root) = &self.destination
                && path.starts_with(canonicalize(root))
            {
                bail!("{flag}: the file is inside the destination folder");
            }
            if let Some((other, _)) = files.iter().find(|(_, file)| *file == path) {
                bail!("{other} and {flag} are the same file");
            }
            files.push((flag, path));
        }
        Ok(())
    }

    /// Opens it, before any request is made.
    pub(crate) async fn create(&self, source: &Identity) -> Result<Box<dyn Sink>, SinkError> {
        let sink = self.destination.create(source, &self.encoding).await?;
        Ok(match &self.contacts {
            None => sink,
            Some((destination, encoding)) => {
                let contacts = destination.create(source, encoding).await?;
                Box::new(Tee::new(sink, contacts))
            }
        })
    }
}

fn contacts(
    form: &OutputFormatArgs,
    encoding: &Encoding,
) -> Result<Option<(Destination, Encoding)>> {
    let Some(path) = &form.contacts else {
        return Ok(None);
    };
    let (format, compression) = Format::of_file(path);
    if format != Some(Format::Csv) {
        return Err(anyhow!(
            "--contacts: expected a file name that ends in .csv, .csv.gz or .csv.zst, not `{}`",
            path.display()
        ));
    }
    let mut encoding = encoding.clone();
    encoding.rows = Rows::Contacts;
    encoding.raw = false;
    let destination = Destination::File {
        path: path.clone(),
        format: Format::Csv,
        compression,
    };
    Ok(Some((destination, encoding)))
}

/// Parses a destination with a ledger.
pub(crate) fn incremental(text: &str) -> Result<Destination> {
    let destination = Destination::parse(text, None)?;
    check_incremental(&destination)?;
    Ok(destination)
}

/// Refuses a destination without a ledger.
pub(crate) fn check_incremental(destination: &Destination) -> Result<()> {
    if !destination.is_incremental() {
        let what = match destination {
            Destination::File { .. } => "a single file",
            _ => "standard output",
        };
        return Err(hinted(
            format!("{what} has no ledger of its days"),
            "give a folder (out/) or a database (customers.db, postgres://…)",
        ));
    }
    Ok(())
}
