//! The crates of this workspace, as `cargo metadata` describes them.

use std::path::PathBuf;

use serde_json::Value;
use xshell::{Shell, cmd};

use crate::Error;

/// The folders and the members of the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    pub(crate) crates: Vec<Crate>,
}

/// One member of the workspace.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) version: String,
    pub(crate) rust_version: String,
    /// Whether the manifest allows it to be published.
    pub(crate) published: bool,
    /// Every feature but `default`.
    pub(crate) features: Vec<String>,
    /// The crates it is built from: optional ones included, those of its tests excluded.
    pub(crate) dependencies: Vec<String>,
    pub(crate) is_library: bool,
    /// The names of its examples.
    pub(crate) examples: Vec<String>,
    /// The names of its programs.
    pub(crate) programs: Vec<String>,
    /// The program that `cargo run` starts.
    pub(crate) default_program: Option<String>,
}

impl Workspace {
    /// Builds all programs and tests at once, so that all steps share one build.
    ///
    /// Dependencies of tests enable features of shared dependencies, such as tokio: built without the tests, the
    /// programs and most crates below them would be built twice.
    pub(crate) fn build(shell: &Shell) -> Result<(), Error> {
        let build = cmd!(
            shell,
            "cargo build --workspace --all-features --bins --tests"
        );
        println!("$ {build}");
        Ok(build.quiet().run()?)
    }

    /// The path of a program built with this profile.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join(profile).join(name)
    }

    pub(crate) fn read(shell: &Shell) -> Result<Self, Error> {
        let metadata = cmd!(shell, "cargo metadata --no-deps --format-version 1");
        Self::from_metadata(&metadata.quiet().read()?)
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = &Crate> {
        self.crates.iter().filter(|member| member.published)
    }

    /// A member, by its name.
    pub(crate) fn member(&self, name: &str) -> Result<&Crate, Error> {
        let member = self.crates.iter().find(|member| member.name == name);
        Ok(member.ok_or_else(|| format!("no crate {name}"))?)
    }

    /// The published members, each after those that it is built from.
    pub(crate) fn in_dependency_order(&self) -> Vec<&Crate> {
        let mut ordered = Vec::<&Crate>::new();
        let mut left: Vec<_> = self.published().collect();
        while !left.is_empty() {
            let waits = |member: &&Crate| {
                let needs = &member.dependencies;
                left.iter().any(|other| needs.contains(&other.name))
            };
            let (waiting, ready): (Vec<_>, Vec<_>) = left.iter().copied().partition(waits);
            if ready.is_empty() {
                break;
            }
            ordered.extend(ready);
            left = waiting;
        }
        ordered
    }

    fn from_metadata(metadata: &str) -> Result<Self, Error> {
        let metadata: Value = serde_json::from_str(metadata)?;
        Ok(Self {
            root: text(&metadata, "workspace_root")?.into(),
            target: text(&metadata, "target_directory")?.into(),
            crates: list(&metadata, "packages")?
                .iter()
                .map(Crate::from_package)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Crate {
    fn from_package(package: &Value) -> Result<Self, Error> {
        let mut folder = PathBuf::from(text(package, "manifest_path")?);
        folder.pop();
        let features = package["features"]
            .as_object()
            .ok_or("cargo metadata: no features")?;
        let mut dependencies = Vec::new();
        for dependency in list(package, "dependencies")? {
            if dependency["kind"] != "dev" {
                dependencies.push(text(dependency, "name")?);
            }
        }
        let mut is_library = false;
        let mut examples = Vec::new();
        let mut programs = Vec::new();
        for target in list(package, "targets")? {
            for kind in list(target, "kind")? {
                is_library |= kind == "lib";
                match kind.as_str() {
                    Some("example") => examples.push(text(target, "name")?),
                    Some("bin") => programs.push(text(target, "name")?),
                    _ => {}
                }
            }
        }
        Ok(Self {
            name: text(package, "name")?,
            folder,
            version: text(package, "version")?,
            rust_version: text(package, "rust_version")?,
            // `publish = false` comes out as an empty list of registries, its absence as null.
            published: package["publish"].is_null(),
            features: features
                .keys()
                .filter(|name| *name != "default")
                .cloned()
                .collect(),
            dependencies,
            is_library,
            examples,
            programs,
            default_program: package["default_run"].as_str().map(str::to_owned),
        })
    }
}

fn text(value: &Value, key: &str) -> Result<String, Error> {
    match value[key].as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("cargo metadata: {key} is not a text").into()),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, Error> {
    value[key]
        .as_array()
        .ok_or_else(|| format!("cargo metadata: {key} is not a list").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read() {
        let metadata = r#"{
            "workspace_root": "/kapture",
            "target_directory": "/kapture/target",
            "packages": [
                {
                    "name": "kapture-transport",
                    "manifest_path": "/kapture/crates/kapture-transport/Cargo.toml",
                    "version": "0.1.0",
                    "rust_version": "1.95",
                    "publish": null,
                    "features": {"default": ["http"], "http": ["dep:reqwest"], "mock": []},
                    "dependencies": [
                        {"name": "reqwest", "kind": null, "optional": true},
                        {"name": "cc", "kind": "build", "optional": false},
                        {"name": "mockall", "kind": "dev", "optional": false}
                    ],
                    "targets": [
                        {"name": "kapture_transport", "kind": ["lib"]},
                        {"name": "mock", "kind": ["example"]}
                    ]
                },
                {
                    "name": "xtask",
                    "manifest_path": "/kapture/xtask/Cargo.toml",
                    "version": "0.1.0",
                    "rust_version": "1.95",
                    "publish": [],
                    "features": {},
                    "dependencies": [],
                    "targets": []
                }
            ]
        }"#;
        let workspace = Workspace::from_metadata(metadata).unwrap();
        assert_eq!(workspace.root, PathBuf::from("/kapture"));
        assert_eq!(workspace.target, PathBuf::from("/kapture/target"));
        let transport = Crate {
            name: "kapture-transport".into(),
            folder: "/kapture/crates/kapture-transport".into(),
            version: "0.1.0".into(),
            rust_version: "1.95".into(),
            published: true,
            features: vec!["http".into(), "mock".into()],
            dependencies: vec!["reqwest".into(), "cc".into()],
            is_library: true,
            examples: vec!["mock".into()],
            programs: Vec::new(),
            default_program: None,
        };
        assert_eq!(workspace.published().collect::<Vec<_>>(), [&transport]);
        assert_eq!(workspace.crates[1].name, "xtask");
    }

    #[test]
    fn crates_are_published_after_their_dependencies() {
        let member = |name: &str, needs: &[&str]| Crate {
            name: name.into(),
            published: true,
            dependencies: needs.iter().map(|need| (*need).to_owned()).collect(),
            ..Crate::default()
        };
        let workspace = Workspace {
            root: PathBuf::new(),
            target: PathBuf::new(),
            crates: vec![
                member("cli", &["sinks", "customers", "clap"]),
                member("customers", &["model"]),
                member("model", &["serde"]),
                member("sinks", &["model"]),
            ],
        };
        let order = workspace.in_dependency_order();
        let order: Vec<_> = order.iter().map(|member| &*member.name).collect();
        assert_eq!(order, ["model", "customers", "sinks", "cli"]);
    }
}
