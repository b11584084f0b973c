//! What the checkers of Debian and of RPM say of the packages, where these checkers are installed.

use std::fs;

use xshell::cmd;

use super::Release;
use crate::Error;

/// What `rpmlint` is told beside the package: it reads a file of this kind in the package's folder.
const RPMLINT_EXCEPTIONS: &str = r#"# Linked statically: the programs run in an empty container, and on older systems.
addFilter("statically-linked-binary")
# The one who publishes the package signs it, after it was built.
addFilter("no-signature")
"#;

/// Fails when a checker reports an error. Expected before the checksums are made: it writes a file of
/// the release.
pub(super) fn packages(release: &Release<'_>) -> Result<(), Error> {
    let Release {
        shell,
        version,
        files,
        ..
    } = release;
    fs::write(files.join("kapture.rpmlintrc"), RPMLINT_EXCEPTIONS)?;
    let debian = files.join(format!("kapture_{version}_amd64.deb"));
    let rpm = files.join(format!("kapture-{version}-1.x86_64.rpm"));
    let lintian = cmd!(shell, "lintian --fail-on error {debian}");
    let rpmlint = cmd!(shell, "rpmlint {rpm}");
    let checks = [("lintian", &debian, lintian), ("rpmlint", &rpm, rpmlint)];
    for (checker, package, check) in checks {
        if !package.is_file() {
            continue;
        }
        let version = cmd!(shell, "{checker} --version").quiet();
        if version.ignore_stdout().ignore_stderr().run().is_err() {
            println!("SKIPPED: {checker} is missing: apt-get install {checker}");
            continue;
        }
        println!("$ {check}");
        check.quiet().run()?;
    }
    Ok(())
}
