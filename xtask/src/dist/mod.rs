//! The files of a release, in `target/dist/files`: archive, wheel, Debian and RPM package, bill of
//! materials and checksums.
//!
//! Two builds of one commit are the same, byte for byte: times are those of the commit, and no path of
//! the machine is in the programs. The programs are linked statically, so that they run on any Linux
//! on x86-64, in an empty container too.

mod dependencies;
mod lint;
mod notices;
mod packages;
pub(crate) mod packaging;
pub(crate) mod release;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Cmd, Shell, cmd};

use crate::python::environments::environment;
use crate::workspace::Workspace;
use crate::{Error, tools};

/// What the programs are built for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What cargo-auditable passes to `cargo metadata`.
const AUDITABLE_ARGUMENTS: &str = r#"{"offline":false,"locked":true,"frozen":false,"config":[]}"#;

/// The shells that have completions, each with the name of the file for them.
const COMPLETIONS: [(&str, &str); 5] = [
    ("bash", "kapture.bash"),
    ("elvish", "kapture.elv"),
    ("fish", "kapture.fish"),
    ("powershell", "kapture.ps1"),
    ("zsh", "_kapture"),
];

/// A release that is being built.
struct Release<'a> {
    shell: &'a Shell,
    workspace: &'a Workspace,
    version: String,
    /// The time of the commit, in seconds since 1970.
    epoch: String,
    /// Where the files of the release go.
    files: PathBuf,
    /// The folder that becomes the archive.
    tree: PathBuf,
    /// The programs, built.
    programs: Vec<PathBuf>,
}

/// Builds all files of a release.
pub(crate) fn run(shell: &Shell, workspace: &Workspace) -> Result<(), Error> {
    shell.change_dir(&workspace.root);
    let epoch = cmd!(shell, "git log -1 --format=%ct").quiet().read()?;
    shell.set_var("SOURCE_DATE_EPOCH", &epoch);
    let folder = workspace.target.join("dist");
    let files = folder.join("files");
    shell.remove_path(&files)?;
    shell.create_dir(&files)?;
    let version = workspace.member("kapture-cli")?.version.clone();
    let tree = folder.join(format!("kapture-{version}-{TARGET}"));
    let mut release = Release {
        shell,
        workspace,
        version,
        epoch,
        files,
        tree,
        programs: Vec::new(),
    };
    release.programs = release.build()?;
    release.fill_tree()?;
    release.archive()?;
    let bill_of_materials = release.bill_of_materials()?;
    release.wheel(&bill_of_materials)?;
    packages::debian(&release)?;
    packages::rpm(&release)?;
    lint::packages(&release)?;
    release.checksums()?;
    println!("{}", release.files.display());
    Ok(())
}

impl Release<'_> {
    fn build(&self) -> Result<Vec<PathBuf>, Error> {
        let Self {
            shell, workspace, ..
        } = self;
        let target = self.target();
        let build = cmd!(
            shell,
            "cargo build --locked --release --package kapture-cli --bins --target {TARGET} --target-dir {target}"
        );
        println!("$ {build}");
        self.reproducible(build)?.quiet().run()?;
        let folder = target.join(TARGET).join("release");
        let programs = &workspace.member("kapture-cli")?.programs;
        Ok(programs.iter().map(|name| folder.join(name)).collect())
    }

    /// The folder of the optimized build.
    fn target(&self) -> PathBuf {
        self.workspace.target.join("dist/build")
    }

    /// Links statically, leaves the paths of this machine out, and puts the list of dependencies into each
    /// program.
    fn reproducible<'c>(&self, command: Cmd<'c>) -> Result<Cmd<'c>, Error> {
        let root = self.workspace.root.display().to_string();
        let home = cargo_home().display().to_string();
        let flags = [
            "-Ctarget-feature=+crt-static".to_owned(),
            // Addresses that the program sets itself when it starts: 25 kB instead of 1.8 MB.
            "-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned(),
            format!("--remap-path-prefix={home}=/cargo"),
            format!("--remap-path-prefix={root}=/kapture"),
        ];
        let auditable = tools::AUDITABLE.program(self.shell, self.workspace)?;
        let mut path = auditable
            .parent()
            .map(Path::as_os_str)
            .unwrap_or_default()
            .to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Ok(command
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .env("CARGO_INCREMENTAL", "0")
            .env("CFLAGS", format!("-ffile-prefix-map={home}=/cargo"))
            // As `cargo auditable` does, but with the tool's name: its path would become part of the
            // names of the workspace's crates, and so of the programs.
            .env("PATH", path)
            .env("RUSTC_WORKSPACE_WRAPPER", "cargo-auditable")
            .env("CARGO_AUDITABLE_ORIG_ARGS", AUDITABLE_ARGUMENTS))
    }

    /// The Python package, with the same programs and bill of materials.
    fn wheel(&self, bill_of_materials: &Path) -> Result<(), Error> {
        let Self {
            shell,
            workspace,
            files,
            ..
        } = self;
        let sources = workspace.root.join("python");
        let requirements = sources.join("requirements-tools.txt");
        let folder = workspace.target.join("python/tools");
        let maturin = environment(shell, &folder, &requirements)?.with_file_name("maturin");
        let target = self.target();
        let _sources = shell.push_dir(sources);
        let build = cmd!(
            shell,
            "{maturin} build --quiet --release --target {TARGET} --target-dir {target} --compatibility manylinux2014 --sbom-include {bill_of_materials} --out {files}"
        );
        println!("$ {build}");
        Ok(self.reproducible(build)?.quiet().run()?)
    }

    /// Everything that is beside the programs comes from them, or from the dependencies themselves.
    fn fill_tree(&self) -> Result<(), Error> {
        let Self { shell, tree, .. } = self;
        shell.remove_path(tree)?;
        shell.create_dir(tree)?;
        for program in &self.programs {
            shell.copy_file(program, tree)?;
        }
        for name in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            shell.copy_file(self.workspace.root.join(name), tree)?;
        }
        let kapture = tree.join("kapture");
        let completions = tree.join("completions");
        shell.create_dir(&completions)?;
        for (name, file) in COMPLETIONS {
            let script = cmd!(shell, "{kapture} completions {name}").quiet().read()?;
            // As it is called once it is installed, not from where it was built.
            let script = script.replace(&kapture.display().to_string(), "kapture");
            fs::write(completions.join(file), script + "\n")?;
        }
        let man = tree.join("man/man1");
        cmd!(shell, "{kapture} man {man}").quiet().run()?;
        let dependencies = dependencies::of(shell, "kapture-cli")?;
        fs::write(tree.join("THIRD-PARTY.txt"), notices::text(&dependencies)?)?;
        Ok(())
    }

    fn archive(&self) -> Result<(), Error> {
        let Self {
            shell, tree, epoch, ..
        } = self;
        let name = file_name(tree);
        let folder = tree.parent().ok_or("no folder")?;
        let archive = self.files.join(format!("{name}.tar"));
        let time = format!("--mtime=@{epoch}");
        cmd!(
            shell,
            "tar --create --file {archive} --directory {folder} --sort=name {time} --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX,a-s {name}"
        )
        .quiet()
        .run()?;
        cmd!(shell, "gzip --no-name --best {archive}")
            .quiet()
            .run()?;
        println!("wrote {name}.tar.gz");
        Ok(())
    }

    /// Writes the bill of materials and returns its path.
    fn bill_of_materials(&self) -> Result<PathBuf, Error> {
        let dependencies = dependencies::of(self.shell, "kapture-cli")?;
        let listed = sbom::json(&self.version, &dependencies);
        let name = format!("kapture-{}.cdx.json", self.version);
        let path = self.files.join(&name);
        fs::write(&path, format!("{listed:#}\n"))?;
        println!("wrote {name}: {} components", dependencies.len());
        Ok(path)
    }

    fn checksums(&self) -> Result<(), Error> {
        let shell = self.shell;
        let _files = shell.push_dir(&self.files);
        let mut names: Vec<_> = shell
            .read_dir(".")?
            .iter()
            .map(|path| file_name(path))
            .collect();
        names.sort();
        let sums = cmd!(shell, "sha256sum {names...}").quiet().read()?;
        fs::write(self.files.join("SHA256SUMS"), sums + "\n")?;
        Ok(())
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Where cargo keeps the sources of dependencies.
fn cargo_home() -> PathBuf {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(&home).join(".cargo"))
}
