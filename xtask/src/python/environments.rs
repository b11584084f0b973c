//! Environments of Python with libraries from PyPI, at the versions of a file of requirements.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Cmd, Shell, cmd};

use crate::Error;

/// It installs in seconds what takes pip minutes.
const UV: &str = "uv==0.13.9";

/// The Python of an environment in a folder with the packages of a file of requirements, installed anew when the file
/// was changed.
pub(crate) fn environment(
    shell: &Shell,
    folder: &Path,
    requirements: &Path,
) -> Result<PathBuf, Error> {
    let environment = folder.join("python");
    let python = bin(&environment).join("python");
    let installed = environment.join("requirements.txt");
    let asked = fs::read_to_string(requirements)?;
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == asked) {
        return Ok(python);
    }
    shell.create_dir(folder)?;
    run(cmd!(shell, "python3 -m venv --clear {environment}"))?;
    // Only wheels: installing them builds and runs no code.
    let only_wheels = ["--quiet", "--only-binary", ":all:"];
    let with_pip = |packages: &[&OsStr]| {
        run(cmd!(
            shell,
            "{python} -m pip install --disable-pip-version-check {only_wheels...} {packages...}"
        ))
    };
    let uv = bin(&environment).join("uv");
    let with_uv = with_pip(&[UV.as_ref()]).and_then(|()| {
        run(cmd!(
            shell,
            "{uv} pip install --python {python} {only_wheels...} --requirement {requirements}"
        ))
    });
    if let Err(error) = with_uv {
        // Settings of pip, such as a mirror, are not those of uv.
        println!("{error}");
        with_pip(&["--requirement".as_ref(), requirements.as_ref()])?;
    }
    fs::write(installed, asked)?;
    Ok(python)
}

/// The folder of programs in a Python environment or installation.
pub(crate) fn bin(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

/// Prints a command and runs it.
pub(crate) fn run(command: Cmd<'_>) -> Result<(), Error> {
    println!("$ {command}");
    Ok(command.quiet().run()?)
}
