//! Packages for Debian and for distributions with RPM, from the same tree as the archive.

use std::fs;
use std::path::Path;

use xshell::cmd;

use super::{Release, file_name};
use crate::Error;

const SUMMARY: &str = "exporter of customers from Kapture CRM by creation date";

const DESCRIPTION: [&str; 3] = [
    "kapture exports the customers of Kapture CRM that were created on given",
    "days, each once and no other, to files, object stores and databases, and",
    "keeps them up to date.",
];

const MAINTAINER: &str = "The kapture authors <kapture@example.com>";

/// Lays the files out under `root` as a package installs them.
fn install(release: &Release<'_>, root: &Path) -> Result<(), Error> {
    let Release { shell, tree, .. } = release;
    shell.remove_path(root)?;
    let folders = [
        "usr/bin",
        "usr/share/bash-completion/completions",
        "usr/share/doc/kapture",
        "usr/share/fish/vendor_completions.d",
        "usr/share/man/man1",
        "usr/share/zsh/vendor-completions",
    ];
    for folder in folders {
        shell.create_dir(root.join(folder))?;
    }
    let copies = [
        (
            "completions/kapture.bash",
            "usr/share/bash-completion/completions/kapture",
        ),
        (
            "completions/kapture.fish",
            "usr/share/fish/vendor_completions.d/kapture.fish",
        ),
        (
            "completions/_kapture",
            "usr/share/zsh/vendor-completions/_kapture",
        ),
        ("README.md", "usr/share/doc/kapture/README.md"),
        ("THIRD-PARTY.txt", "usr/share/doc/kapture/THIRD-PARTY.txt"),
    ];
    for (from, to) in copies {
        shell.copy_file(tree.join(from), root.join(to))?;
    }
    for program in &release.programs {
        shell.copy_file(program, root.join("usr/bin"))?;
    }
    for page in shell.read_dir(tree.join("man/man1"))? {
        let compressed = root.join("usr/share/man/man1").join(file_name(&page));
        shell.copy_file(&page, &compressed)?;
        cmd!(shell, "gzip --no-name --best {compressed}")
            .quiet()
            .run()?;
    }
    Ok(())
}

/// Gives all files the time of the commit, and the rights that packages have.
fn settle(release: &Release<'_>, root: &Path) -> Result<(), Error> {
    let Release { shell, epoch, .. } = release;
    let time = format!("@{epoch}");
    let each = "{}";
    cmd!(shell, "chmod -R u=rwX,go=rX {root}").quiet().run()?;
    cmd!(
        shell,
        "find {root} -exec touch --no-dereference --date {time} {each} +"
    )
    .quiet()
    .run()?;
    Ok(())
}

/// The day of the commit, as `date` formats it.
fn day(release: &Release<'_>, format: &str) -> Result<String, Error> {
    let (time, format) = (format!("@{}", release.epoch), format!("+{format}"));
    let date = cmd!(release.shell, "date --utc --date {time} {format}");
    Ok(date.env("LC_ALL", "C").quiet().read()?)
}

pub(super) fn debian(release: &Release<'_>) -> Result<(), Error> {
    let Release { shell, version, .. } = release;
    let root = release.workspace.target.join("dist/debian");
    install(release, &root)?;
    let doc = root.join("usr/share/doc/kapture");
    let licence = fs::read_to_string(release.tree.join("LICENSE-MIT"))?;
    let indented: String = licence
        .lines()
        .map(|line| match line.trim().is_empty() {
            true => " .\n".to_owned(),
            false => format!(" {line}\n"),
        })
        .collect();
    let year = day(release, "%Y")?;
    let copyright = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: kapture\n\n\
         Files: *\nCopyright: {year} the kapture authors\nLicense: Apache-2.0 or Expat\n\n\
         License: Apache-2.0\n On Debian systems, the text of the Apache License 2.0 is in\n \
         /usr/share/common-licenses/Apache-2.0.\n\n\
         License: Expat\n{indented}"
    );
    fs::write(doc.join("copyright"), copyright)?;
    let time = format!("@{}", release.epoch);
    let date = cmd!(shell, "date --utc --rfc-email --date {time}")
        .quiet()
        .read()?;
    let changelog = doc.join("changelog");
    fs::write(
        &changelog,
        format!(
            "kapture ({version}) unstable; urgency=medium\n\n  * Release {version}: see README.md.\n\n -- {MAINTAINER}  {date}\n"
        ),
    )?;
    cmd!(shell, "gzip --no-name --best {changelog}")
        .quiet()
        .run()?;
    let control = root.join("DEBIAN");
    shell.create_dir(&control)?;
    let size = cmd!(
        shell,
        "du --summarize --block-size=1024 --apparent-size {root}"
    )
    .quiet()
    .read()?;
    let size = size.split_whitespace().next().unwrap_or_default();
    fs::write(
        control.join("control"),
        format!(
            "Package: kapture\nVersion: {version}\nArchitecture: amd64\nMaintainer: {MAINTAINER}\n\
             Installed-Size: {size}\nSection: database\nPriority: optional\nRecommends: ca-certificates\n\
             Description: {SUMMARY}\n {}\n",
            DESCRIPTION.join("\n ")
        ),
    )?;
    let overrides = root.join("usr/share/lintian/overrides");
    shell.create_dir(&overrides)?;
    fs::write(
        overrides.join("kapture"),
        "# It runs in an empty container, and on older systems.\nkapture: statically-linked-binary [usr/bin/*]\n\
         # SQLite and zstd are built with the program, in the versions that it is tested with.\nkapture: embedded-library *\n",
    )?;
    settle(release, &root)?;
    let name = format!("kapture_{version}_amd64.deb");
    let file = release.files.join(&name);
    cmd!(
        shell,
        "dpkg-deb --build --root-owner-group -Zxz {root} {file}"
    )
    .quiet()
    .ignore_stdout()
    .run()?;
    println!("wrote {name}");
    Ok(())
}

pub(super) fn rpm(release: &Release<'_>) -> Result<(), Error> {
    let Release {
        shell,
        version,
        epoch,
        ..
    } = release;
    if cmd!(shell, "rpmbuild --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_err()
    {
        println!("SKIPPED: rpmbuild is missing, so there is no RPM package: apt-get install rpm");
        return Ok(());
    }
    let folder = release.workspace.target.join("dist/rpm");
    shell.remove_path(&folder)?;
    let root = folder.join("content");
    install(release, &root)?;
    settle(release, &root)?;
    let spec = folder.join("kapture.spec");
    let licences = release.tree.display();
    let description = DESCRIPTION.join("\n");
    let date = day(release, "%a %b %d %Y")?;
    fs::write(
        &spec,
        format!(
            "Name: kapture\nVersion: {version}\nRelease: 1\nSummary: {}{}\nLicense: MIT OR Apache-2.0\n\
             Group: Applications/Databases\nPackager: {MAINTAINER}\nBuildArch: x86_64\nAutoReqProv: no\nRecommends: ca-certificates\n\n\
             %description\n{description}\n\n\
             %install\ncp -a {} %{{buildroot}}/\n\
             install -D -m 644 {licences}/LICENSE-MIT %{{buildroot}}/usr/share/licenses/kapture/LICENSE-MIT\n\
             install -D -m 644 {licences}/LICENSE-APACHE %{{buildroot}}/usr/share/licenses/kapture/LICENSE-APACHE\n\n\
             %files\n%license /usr/share/licenses/kapture/*\n%doc /usr/share/doc/kapture/*\n/usr/bin/*\n/usr/share/bash-completion/completions/kapture\n\
             /usr/share/fish/vendor_completions.d/kapture.fish\n/usr/share/zsh/vendor-completions/_kapture\n/usr/share/man/man1/*\n\n\
             %changelog\n* {date} {MAINTAINER} - {version}-1\n- Release {version}: see README.md.\n",
            SUMMARY[..1].to_uppercase(),
            &SUMMARY[1..],
            root.join("usr").display(),
        ),
    )?;
    let files = &release.files;
    let definitions = [
        format!("_topdir {}", folder.join("build").display()),
        format!("_rpmdir {}", files.display()),
        "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm".to_owned(),
        "_buildhost localhost".to_owned(),
        "use_source_date_epoch_as_buildtime 1".to_owned(),
        "clamp_mtime_to_source_date_epoch 1".to_owned(),
        "_build_id_links none".to_owned(),
        "debug_package %{nil}".to_owned(),
        "__os_install_post %{nil}".to_owned(),
        "__strip /bin/true".to_owned(),
    ];
    let defines = definitions
        .iter()
        .flat_map(|definition| ["--define", definition]);
    let build = cmd!(shell, "rpmbuild -bb --target x86_64 {defines...} {spec}");
    build
        .env("SOURCE_DATE_EPOCH", epoch)
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()?;
    println!("wrote kapture-{version}-1.x86_64.rpm");
    Ok(())
}
