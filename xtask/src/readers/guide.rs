//! The guide as a book with a search: mdBook makes it of `docs/`.
//!
//! mdBook comes from PyPI, as a program that is built already, into `target/guide`.

use std::fs;
use std::path::Path;

use xshell::{Shell, cmd};

use crate::python::environments::environment;
use crate::workspace::Workspace;
use crate::{Error, Faults, system};

pub(crate) fn faults(shell: &Shell, workspace: &Workspace) -> Result<Faults, Error> {
    if !system::has_python(shell) {
        return system::skip("python3 with venv is missing: the guide was not built");
    }
    let folder = workspace.target.join("guide");
    let requirements = workspace.root.join("xtask/guide/requirements.txt");
    let python = environment(shell, &folder, &requirements)?;
    let mdbook = python.with_file_name("mdbook");
    let root = &workspace.root;
    let build = cmd!(shell, "{mdbook} build {root}");
    println!("$ {build}");
    // Its warnings are faults, too.
    let output = build.quiet().output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    print!("{said}");
    let mut faults: Faults = said
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        .map(str::to_owned)
        .collect();
    if !output.status.success() && faults.is_empty() {
        faults.push("mdbook failed: see above".into());
    }
    faults.extend(unlisted(&root.join("docs"))?);
    println!("the guide: {}", folder.join("book/index.html").display());
    Ok(faults)
}

/// Pages that the table of contents does not name: nobody would find them in the book.
fn unlisted(docs: &Path) -> Result<Faults, Error> {
    let summary = fs::read_to_string(docs.join("SUMMARY.md"))?;
    let mut pages = Vec::new();
    pages_in(docs, docs, &mut pages)?;
    pages.sort();
    let is_unlisted =
        |page: &String| page != "SUMMARY.md" && !summary.contains(&format!("({page})"));
    let unlisted = pages.into_iter().filter(is_unlisted);
    Ok(unlisted
        .map(|page| format!("docs/SUMMARY.md does not name {page}"))
        .collect())
}

fn pages_in(root: &Path, folder: &Path, pages: &mut Vec<String>) -> Result<(), Error> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            pages_in(root, &path, pages)?;
        } else if path.extension().is_some_and(|it| it == "md") {
            let name = path
                .strip_prefix(root)?
                .to_string_lossy()
                .replace('\\', "/");
            pages.push(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_in_the_table_of_contents() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        assert_eq!(unlisted(&docs).unwrap(), Faults::new());
    }
}
