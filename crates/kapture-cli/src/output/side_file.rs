//! Files that are written beside the records: a summary, metrics, a report.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};
use kapture_sinks::is_open_descriptor;

/// Checks the path of such a file, the value of `flag`, before any request is made.
pub(crate) fn check(flag: &str, path: Option<&Path>) -> Result<()> {
    if path == Some(Path::new("-")) {
        bail!("{flag}: expected a file, not -");
    }
    if let Some(path) = path.filter(|path| is_open_descriptor(path)) {
        bail!(
            "{flag}: {} is a descriptor of an open file, which would be truncated: give the file itself",
            path.display()
        );
    }
    if let Some(path) = path.filter(|path| path.is_dir()) {
        bail!("{flag}: {} is a folder", path.display());
    }
    let folder = path.and_then(|path| path.parent());
    match folder {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            bail!("{flag}: the folder {} does not exist", folder.display())
        }
        _ => Ok(()),
    }
}

/// Replaces a file: a temporary file beside it is written and renamed. A reader finds the old content
/// or the new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|path| !path.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // Others may read it, such as a collector of metrics; the umask has the last word.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder
        .prefix(".kapture-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}
