//! The bill of materials in the format of CycloneDX 1.5.

use serde_json::{Value, json};

use super::dependencies::Dependency;

/// What the programs of this version are built from: `required` is what they contain, `excluded` what
/// only runs while they are built. It has no time and no random number, so that it is the
/// same in each build.
pub(super) fn json(version: &str, dependencies: &[Dependency]) -> Value {
    let component = |dependency: &Dependency| {
        let Dependency {
            name,
            version,
            license,
            is_contained,
            ..
        } = dependency;
        let scope = if *is_contained {
            "required"
        } else {
            "excluded"
        };
        let purl = format!("pkg:cargo/{name}@{version}");
        json!({
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "scope": scope,
            "licenses": [{"expression": license.replace('/', " OR ")}],
            "purl": purl,
        })
    };
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "kapture",
                "name": "kapture",
                "version": version,
                "licenses": [{"expression": "MIT OR Apache-2.0"}],
            },
        },
        "components": dependencies.iter().map(component).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_have_a_package_url_and_a_licence() {
        let dependency = Dependency {
            name: "old".into(),
            version: "0.1.2".into(),
            license: "MIT/Apache-2.0".into(),
            folder: "nowhere".into(),
            is_own: false,
            is_contained: false,
        };
        let listed = json("0.1.0", &[dependency]);
        let component = &listed["components"][0];
        assert_eq!(component["purl"], "pkg:cargo/old@0.1.2");
        assert_eq!(component["scope"], "excluded");
        assert_eq!(component["licenses"][0]["expression"], "MIT OR Apache-2.0");
    }
}
