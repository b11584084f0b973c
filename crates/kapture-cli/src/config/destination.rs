//! Destination and format of records, validated before anything is opened.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use chrono_tz::Tz;
use kapture_sinks::{
    Destination, DestinationError, Encoding, Format, Identity, Rows, Sink, SinkError, Tee,
    canonicalize,
};

use crate::args::OutputFormatArgs;
use crate::config::table;
use crate::error::hinted;
use crate::output::stdout;

/// Destination and format of records.
#[derive(Debug)]
pub(crate) struct RecordOutput {
    pub(crate) destination: Destination,
    encoding: Encoding,
    contacts: Option<(Destination, Encoding)>,
}

impl RecordOutput {
    /// Resolves `-o WHERE` and the format options.
    pub(crate) async fn resolve(
        text: &str,
        form: &OutputFormatArgs,
        zone: Option<Tz>,
    ) -> Result<Self> {
        let asked = form.format.as_deref().map(str::parse).transpose()?;
        let mut destination = locate(text, asked)?;
        if form.unlocked {
            destination = unlocked(&destination)?;
        }
        let format = match asked {
            Some(asked) => asked,
            None => destination.format().await.unwrap_or(Format::Ndjson),
        };
        let mut encoding = Encoding::new(format);
        encoding.zone = zone.unwrap_or(Tz::UTC);
        encoding.raw = form.raw;
        encoding.spreadsheet_safe = form.spreadsheet_safe;
        encoding.with_created_date = form.with_created_date;
        let is_csv = format == Format::Csv || form.contacts.is_some();
        table::apply(&form.table, is_csv, &mut encoding)?;
        let has_columns = format.is_table() || destination.capabilities().formats.is_empty();
        if !encoding.columns.is_empty() && !has_columns {
            bail!(
                "--column is for tables (CSV, Parquet, Arrow, xlsx and databases): in NDJSON each field has its own key"
            );
        }
        let lines = !destination.capabilities().incremental && format == Format::Ndjson;
        if form.raw && !lines {
            bail!(
                "--raw writes the JSON of the API: it needs --format ndjson, and standard output or one file"
            );
        }
        if form.spreadsheet_safe && format != Format::Csv && form.contacts.is_none() {
            bail!("--spreadsheet-safe is for CSV: add --format csv, or omit it");
        }
        if form.with_created_date && format != Format::Arrow {
            bail!("--with-created-date is for Arrow streams: add --format arrow, or omit it");
        }
        if destination.is_standard_output() && !format.is_text() && std::io::stdout().is_terminal()
        {
            let extension = format.extension();
            bail!("cannot print {format} on a terminal: add -o customers.{extension}");
        }
        Ok(Self {
            contacts: contacts(form, &encoding)?,
            destination,
            encoding,
        })
    }

    /// Refuses one file for two purposes: `further` are the other files that are read or written.
    pub(crate) fn check_apart(&self, further: &[(&str, Option<&Path>)]) -> Result<()> {
        let root = self.destination.local_path().map(canonicalize);
        let mut files: Vec<_> = root.iter().map(|root| ("-o", root.clone())).collect();
        for (flag, path) in further {
            let Some(path) = path.filter(|path| *path != Path::new("-")) else {
                continue;
            };
            let path = canonicalize(path);
            if let Some((other, _)) = files.iter().find(|(_, file)| *file == path) {
                bail!("{other} and {flag} are the same file");
            }
            if root.as_ref().is_some_and(|root| path.starts_with(root)) {
                bail!("{flag}: the file is inside the destination folder");
            }
            files.push((flag, path));
        }
        Ok(())
    }

    /// Opens it, before any request is made.
    pub(crate) async fn create(&self, source: &Identity) -> Result<Box<dyn Sink>, SinkError> {
        if self.destination.is_standard_output() && stdout::is_closed() {
            return Err(SinkError::Stream(std::io::Error::new(
                std::io::ErrorKind::NotConnected,
                "standard output is closed",
            )));
        }
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
    encoding.columns.clear();
    let destination = Destination::file(path, Format::Csv, compression);
    Ok(Some((destination, encoding)))
}

/// The same destination, written without a lock.
pub(crate) fn unlocked(destination: &Destination) -> Result<Destination> {
    destination.unlocked().ok_or_else(|| {
        hinted(
            "--unlocked is for object stores (s3://…, gs://…, az://…)",
            "omit it: other destinations can always be locked",
        )
    })
}

/// Parses a destination with a ledger.
pub(crate) fn incremental(text: &str) -> Result<Destination> {
    let destination = locate(text, None)?;
    check_incremental(&destination)?;
    Ok(destination)
}

/// Refuses a destination without a ledger.
pub(crate) fn check_incremental(destination: &Destination) -> Result<()> {
    if !destination.capabilities().incremental {
        let what = match destination.is_standard_output() {
            true => "standard output",
            false => "a single file",
        };
        return Err(hinted(
            format!("{what} has no ledger of its days"),
            "give a folder (out/), a bucket (s3://bucket/prefix/) or a database (customers.db, postgres://…)",
        ));
    }
    Ok(())
}

/// Parses the address of a destination, with a hint where it has one.
fn locate(text: &str, format: Option<Format>) -> Result<Destination> {
    let destination = Destination::locate(text, format).map_err(|error| match error {
        DestinationError::Unescaped => hinted(
            error.to_string(),
            "write @ as %40, # as %23, / as %2F, ? as %3F and % as %25; or leave the password out, and set PGPASSWORD or write it to ~/.pgpass",
        ),
        DestinationError::Unclear(ref name) if Path::new(name).extension().is_none() => {
            let hint = format!("for a folder, write {}/", kapture_model::sanitize(name));
            hinted(error.to_string(), hint)
        }
        error => error.into(),
    })?;
    let is_relative = destination.local_path().is_some_and(Path::is_relative);
    if is_relative && std::env::current_dir().is_err() {
        return Err(hinted(
            format!("{destination}: the current folder was deleted"),
            "cd to a folder that exists, or give the whole path, which begins with /",
        ));
    }
    Ok(destination)
}
