//! Where records go and in which form, checked before anything is touched.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use chrono_tz::Tz;
use kapture_sinks::{
    Alongside, Dataset, Encoding, Format, Location, Rows, Sink, SinkError, Source, real_path,
};

use crate::args::FormArguments;

/// Where records go and in which form.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) location: Location,
    encoding: Encoding,
    contacts: Option<(Location, Encoding)>,
}

impl Destination {
    /// Settles what `-o WHERE` and the options beside it say.
    pub(crate) fn settle(text: &str, form: &FormArguments, zone: Option<Tz>) -> Result<Self> {
        let asked = form.format.as_deref().map(str::parse).transpose()?;
        let location = Location::parse(text, asked)?;
        let format = match &location {
            Location::File { format, .. } => *format,
            Location::StandardOutput => asked.unwrap_or(Format::Ndjson),
            // A folder that is there has its form already. If that cannot be told, opening it
            // says why.
            Location::Dataset(path) => {
                let held = || Dataset::format(path).ok().flatten();
                asked.or_else(held).unwrap_or(Format::Parquet)
            }
            Location::Sqlite(_) | Location::Postgres(_) => Format::Ndjson,
        };
        let mut encoding = Encoding::new(format);
        encoding.zone = zone.unwrap_or(Tz::UTC);
        encoding.raw = form.raw;
        encoding.spreadsheet_safe = form.spreadsheet_safe;
        let lines = matches!(location, Location::StandardOutput | Location::File { .. })
            && format == Format::Ndjson;
        if form.raw && !lines {
            bail!(
                "--raw gives the API's own JSON, so it needs --format ndjson, to standard output or one file"
            );
        }
        if form.spreadsheet_safe && format != Format::Csv && form.contacts.is_none() {
            bail!("--spreadsheet-safe is for CSV: add --format csv, or leave it out");
        }
        if location == Location::StandardOutput
            && format == Format::Parquet
            && std::io::stdout().is_terminal()
        {
            bail!("Parquet is nothing for a terminal: name a file with -o customers.parquet");
        }
        Ok(Self {
            contacts: contacts(form, &encoding)?,
            location,
            encoding,
        })
    }

    /// Whether every file is another one: `further` are those beside the records, read or written.
    pub(crate) fn check_apart(&self, further: &[(&str, Option<&Path>)]) -> Result<()> {
        let mut files = Vec::new();
        if let Location::File { path, .. } | Location::Sqlite(path) = &self.location {
            files.push(("-o", real_path(path)));
        }
        for (flag, path) in further {
            let Some(path) = path.filter(|path| *path != Path::new("-")) else {
                continue;
            };
            let path = real_path(path);
            if let Location::Dataset(root) = &self.location
                && path.starts_with(real_path(root))
            {
                bail!("{flag} names a file inside the folder that is written to");
            }
            if let Some((other, _)) = files.iter().find(|(_, file)| *file == path) {
                bail!("{other} and {flag} name the same file");
            }
            files.push((flag, path));
        }
        Ok(())
    }

    /// Opens it. What cannot be written is found out before anything is asked.
    pub(crate) async fn create(&self, source: &Source) -> Result<Box<dyn Sink>, SinkError> {
        let sink = self.location.create(source, &self.encoding).await?;
        Ok(match &self.contacts {
            None => sink,
            Some((location, encoding)) => {
                let contacts = location.create(source, encoding).await?;
                Box::new(Alongside::new(sink, contacts))
            }
        })
    }
}

fn contacts(form: &FormArguments, encoding: &Encoding) -> Result<Option<(Location, Encoding)>> {
    let Some(path) = &form.contacts else {
        return Ok(None);
    };
    let (format, compression) = Format::of_file(path);
    if format != Some(Format::Csv) {
        return Err(anyhow!(
            "--contacts writes CSV: end `{}` in .csv, .csv.gz or .csv.zst",
            path.display()
        ));
    }
    let mut encoding = encoding.clone();
    encoding.rows = Rows::Contacts;
    encoding.raw = false;
    let location = Location::File {
        path: path.clone(),
        format: Format::Csv,
        compression,
    };
    Ok(Some((location, encoding)))
}

/// A place that remembers which days it holds.
pub(crate) fn remembering(text: &str) -> Result<Location> {
    let location = Location::parse(text, None)?;
    check_remembers(&location)?;
    Ok(location)
}

/// Whether a place remembers which days it holds.
pub(crate) fn check_remembers(location: &Location) -> Result<()> {
    if !location.remembers() {
        let what = match location {
            Location::File { .. } => "a single file",
            _ => "standard output",
        };
        bail!(
            "{what} does not remember which days it holds: name a folder (out/) or a database (customers.db, postgres://…)"
        );
    }
    Ok(())
}
