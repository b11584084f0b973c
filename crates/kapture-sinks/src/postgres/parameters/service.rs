//! Services: names for connections, in the files `~/.pg_service.conf` of the user and
//! `pg_service.conf` of the machine.

use std::io;
use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::{Origin, ParameterError, Parameters};

/// The folders of the file of the machine: Debian's, and that of PostgreSQL's own packages.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql"];

/// The parameters of a service. `file` is the file of the user, if it is not the usual one.
pub(super) fn parameters(
    machine: &impl Machine,
    name: &str,
    file: Option<&str>,
) -> Result<Parameters, ParameterError> {
    let system = match machine.variable("PGSYSCONFDIR") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => SYSTEM_FOLDERS.map(PathBuf::from).to_vec(),
    };
    let system = system.iter().map(|folder| folder.join("pg_service.conf"));
    let user = match file {
        Some(file) => Some(file.into()),
        None => machine.user_file(".pg_service.conf"),
    };
    let paths: Vec<PathBuf> = user.into_iter().chain(system).collect();
    for path in &paths {
        let text = match machine.read(path) {
            Ok(text) => text,
            // One that is asked for has to be there.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && file.map(Path::new) != Some(path.as_path()) =>
            {
                continue;
            }
            Err(error) => {
                return Err(ParameterError::UnreadableServiceFile {
                    path: path.clone(),
                    reason: error.to_string(),
                });
            }
        };
        let found = section(&text, name).map_err(|(line, what)| ParameterError::ServiceLine {
            path: path.clone(),
            line,
            what,
        })?;
        if let Some(parameters) = found {
            return Ok(parameters);
        }
    }
    Err(ParameterError::NoService(paths))
}

/// The parameters of a section of a service file, or the number of a line that cannot be read and
/// why.
fn section(text: &str, name: &str) -> Result<Option<Parameters>, (usize, &'static str)> {
    let mut lines = (1..).zip(text.lines().map(str::trim));
    let is_section = |line: &str| {
        let line = line.strip_prefix('[').and_then(|line| line.split_once(']'));
        line.is_some_and(|(found, _)| found == name)
    };
    if !lines.any(|(_, line)| is_section(line)) {
        return Ok(None);
    }
    let mut parameters = Parameters::default();
    for (number, line) in lines {
        if line.starts_with('[') {
            break;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (keyword, value) = line.split_once('=').ok_or((number, "it has no ="))?;
        if ["service", "servicefile"].contains(&keyword) {
            return Err((number, "a service cannot name another one"));
        }
        // The first of two values counts.
        let mut more = Parameters::default();
        if !more.set(keyword, value.to_owned(), Origin::Service) {
            return Err((number, "kapture does not know its keyword"));
        }
        parameters = parameters.or(more);
    }
    Ok(Some(parameters))
}

#[cfg(test)]
mod tests {
    use super::super::machine::FakeMachine;
    use super::*;

    const FILE: &str = "\
# comment
host=outside
[crm2]
host=other
[crm]
  host=db.example.com
# comment

port=5433
port=1
options=-c search_path=crm
[last]
host=last
";

    #[test]
    fn section_has_its_lines() {
        let found = section(FILE, "crm").unwrap().unwrap();
        assert_eq!(found.get("host"), Some("db.example.com"));
        assert_eq!(found.get("port"), Some("5433"));
        assert_eq!(found.get("options"), Some("-c search_path=crm"));
        assert_eq!(section(FILE, "cr"), Ok(None));
    }

    #[test]
    fn line_that_cannot_be_read_is_counted() {
        for (line, what) in [
            ("secret", "it has no ="),
            ("secret=1", "kapture does not know its keyword"),
            ("host =db", "kapture does not know its keyword"),
            ("service=other", "a service cannot name another one"),
        ] {
            let text = format!("[crm]\nhost=db\n{line}\n");
            assert_eq!(section(&text, "crm"), Err((3, what)), "{line}");
        }
    }

    #[test]
    fn file_of_the_user_comes_before_that_of_the_machine() {
        let machine = FakeMachine::default()
            .variable("PGSYSCONFDIR", "/etc/pg")
            .file("/u/me/.pg_service.conf", "[crm]\nhost=user\n")
            .file(
                "/etc/pg/pg_service.conf",
                "[crm]\nhost=machine\n[all]\nport=1\n",
            );
        let host = |name, file| {
            let found = parameters(&machine, name, file)?;
            Ok(found.get("host").unwrap_or("none").to_owned())
        };
        assert_eq!(host("crm", None).as_deref(), Ok("user"));
        assert_eq!(host("all", None).as_deref(), Ok("none"));
        let error: ParameterError = host("other", None).unwrap_err();
        let shown = error.to_string();
        assert!(
            shown.contains("/u/me/.pg_service.conf, /etc/pg/pg_service.conf"),
            "{shown}"
        );
        let error = host("crm", Some("/none")).unwrap_err();
        assert!(
            error.to_string().contains("/none cannot be read"),
            "{error}"
        );
    }
}
