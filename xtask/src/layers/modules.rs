//! The arrows between the modules of one crate: they point down the list of layers, and in no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Path, Source};
use crate::Faults;

/// The rules for the modules of a crate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// The modules below the crate's root, lowest first. Each may use those before it.
    pub(super) layers: &'static [&'static str],
    /// The only modules below the root that may be asynchronous or share data between threads.
    pub(super) asynchronous: &'static [&'static str],
}

/// Identifiers that belong to asynchronous or shared code; also all that begin with `Atomic`.
const ASYNCHRONOUS: [&str; 6] = ["async", "await", "tokio", "Mutex", "RwLock", "RefCell"];

/// A module's path in its crate; that of `lib.rs` is empty.
type Module = Vec<String>;

/// The text of each module.
pub(super) type Sources = BTreeMap<Module, String>;

/// For each module the modules it uses, with the first line that does.
type Arrows = BTreeMap<Module, BTreeMap<Module, usize>>;

pub(super) fn faults(sources: &Sources, rules: &Rules) -> Faults {
    let modules = Modules::parse(sources);
    let arrows = modules.arrows();
    let mut faults = Faults::new();
    for (module, uses) in &arrows {
        for (used, line) in uses {
            faults.extend(
                wrong_arrow(module, used, rules)
                    .map(|why| format!("{} line {line}: {why}", name(module))),
            );
        }
    }
    faults.extend(circles(&arrows));
    for (module, source) in &modules.0 {
        if !module
            .first()
            .is_some_and(|top| rules.asynchronous.contains(&top.as_str()))
        {
            faults.extend(asynchronous_words(source).map(|(word, line)| {
                let allowed = rules.asynchronous.join(" and ");
                format!(
                    "{} line {line}: `{word}` belongs into {allowed}",
                    name(module)
                )
            }));
        }
    }
    faults
}

/// Why one module may not use another, if so.
fn wrong_arrow(module: &Module, used: &Module, rules: &Rules) -> Option<String> {
    let layer = |module: &Module| {
        let top = module.first()?;
        rules.layers.iter().position(|layer| layer == top)
    };
    let (Some(from), Some(to)) = (layer(module), layer(used)) else {
        return Some(match used.is_empty() {
            true => "uses an item of lib.rs: name the module that defines it".into(),
            false => format!(
                "uses {}, and one of the two has no layer in xtask",
                name(used)
            ),
        });
    };
    (to > from).then(|| format!("uses {}, which is a layer above it", name(used)))
}

fn asynchronous_words(source: &Source) -> impl Iterator<Item = (&str, usize)> {
    let words = source
        .words
        .iter()
        .map(|(word, line)| (word.as_str(), *line));
    words.filter(|(word, _)| ASYNCHRONOUS.contains(word) || word.starts_with("Atomic"))
}

/// Every circle that a walk along the arrows closes.
///
/// An arrow from a file to the `mod.rs` of its own folder does not count: `engine/calibration.rs` may extend the type
/// that `engine/mod.rs` defines (`impl Engine`).
fn circles(arrows: &Arrows) -> Faults {
    fn walk<'a>(
        module: &'a Module,
        arrows: &'a Arrows,
        way: &mut Vec<&'a Module>,
        done: &mut BTreeSet<&'a Module>,
        faults: &mut Faults,
    ) {
        if let Some(start) = way.iter().position(|earlier| *earlier == module) {
            let mut circle = way[start..].to_vec();
            // A circle is named from its first module in the alphabet, wherever the walk entered it.
            let first = (0..circle.len()).min_by_key(|index| circle[*index]);
            circle.rotate_left(first.unwrap_or_default());
            circle.extend(circle.first().copied());
            let names: Vec<_> = circle.into_iter().map(name).collect();
            faults.push(format!("circle of modules: {}", names.join(" → ")));
        } else if !done.contains(module) {
            way.push(module);
            let uses = arrows.get(module).into_iter().flat_map(BTreeMap::keys);
            for used in uses.filter(|used| parent(module).as_ref() != Some(used)) {
                walk(used, arrows, way, done, faults);
            }
            way.pop();
            done.insert(module);
        }
    }
    let mut faults = Faults::new();
    let mut done = BTreeSet::new();
    for module in arrows.keys() {
        walk(module, arrows, &mut Vec::new(), &mut done, &mut faults);
    }
    faults
}

fn name(module: &Module) -> String {
    match module.is_empty() {
        true => "lib.rs".into(),
        false => module.join("::"),
    }
}

/// The modules of a crate without those of its tests.
struct Modules(BTreeMap<Module, Source>);

impl Modules {
    fn parse(sources: &Sources) -> Self {
        let parsed = sources
            .iter()
            .map(|(module, text)| (module.clone(), Source::parse(text)));
        let mut modules: BTreeMap<Module, Source> = parsed.collect();
        let mut tests = Vec::new();
        for (module, source) in &modules {
            tests.extend(source.test_modules.iter().map(|name| child(module, name)));
        }
        modules.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self(modules)
    }

    /// `lib.rs` has none: it names everything that is public.
    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (module, source) in self.0.iter().filter(|(module, _)| !module.is_empty()) {
            let uses = arrows.entry(module.clone()).or_default();
            let imported = source.imports.iter().map(|import| &import.path);
            for Path { segments, line } in imported.chain(&source.paths) {
                if let Some(used) = self.resolve(module, segments, 0)
                    && used != *module
                {
                    uses.entry(used).or_insert(*line);
                }
            }
        }
        arrows
    }

    /// The module that defines the item of a path, as seen from a module; none for items of other crates.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        // Imports in a circle resolve to nothing.
        if depth > 16 {
            return None;
        }
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => Module::new(),
            "self" => from.clone(),
            "super" => parent(from)?,
            name if self.0.contains_key(&child(from, name)) => child(from, name),
            name => {
                let import = self.import(from, name)?;
                return self.resolve(from, &[import, rest].concat(), depth + 1);
            }
        };
        while let Some((next, behind)) = rest.split_first() {
            if next == "super" {
                module = parent(&module)?;
            } else if self.0.contains_key(&child(&module, next)) {
                module.push(next.clone());
            } else if let Some(import) = self.import(&module, next) {
                // A re-exported item counts as an item of the module that defines it.
                return self.resolve(&module, &[import, behind].concat(), depth + 1);
            } else {
                return Some(module);
            }
            rest = behind;
        }
        Some(module)
    }

    /// The path under which a module imports a name.
    fn import(&self, module: &Module, name: &str) -> Option<&[String]> {
        let imports = &self.0.get(module)?.imports;
        let import = imports.iter().find(|import| import.name == name)?;
        Some(&import.path.segments)
    }
}

fn child(module: &Module, name: &str) -> Module {
    let mut child = module.clone();
    child.push(name.into());
    child
}

fn parent(module: &Module) -> Option<Module> {
    let (_, parent) = module.split_last()?;
    Some(parent.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        layers: &["api", "evidence", "engine", "driver"],
        asynchronous: &["driver"],
    };

    /// Modules that break no rule, with some of them replaced.
    fn found(replaced: &[(&str, &str)]) -> Faults {
        let sound = [
            (
                "",
                "mod api; mod driver; mod engine; mod evidence;\npub use api::Event; pub use driver::Pull;",
            ),
            (
                "api",
                "mod event;\npub use event::Event;\npub use kapture_model::Days;",
            ),
            ("api::event", "pub enum Event {}"),
            ("evidence", "mod order;\npub(crate) use order::RowOrder;"),
            ("evidence::order", "use crate::api::Event;"),
            (
                "engine",
                "mod budget; mod windows;\nuse crate::evidence::RowOrder;\nuse windows::Windows;",
            ),
            ("engine::budget", "use crate::api;"),
            (
                "engine::windows",
                "use super::budget::Budget;\nfn f(e: crate::Event) {}",
            ),
            (
                "driver",
                "use crate::engine::{self, Engine};\nasync fn drive() { tokio::spawn(); }",
            ),
        ];
        let sources: Sources = sound
            .iter()
            .chain(replaced)
            .map(|(module, text)| {
                let module = module.split("::").filter(|part| !part.is_empty());
                (module.map(String::from).collect(), (*text).to_owned())
            })
            .collect();
        faults(&sources, &RULES)
    }

    #[test]
    fn layered_modules_pass() {
        assert_eq!(found(&[]), Faults::new());
    }

    #[test]
    fn each_fault_is_named_and_nothing_else() {
        let cases = [
            (
                "evidence::order",
                "use crate::engine::Engine;",
                vec![
                    "evidence::order line 1: uses engine, which is a layer above it",
                    "circle of modules: engine → evidence::order → engine",
                ],
            ),
            (
                "engine::budget",
                "\nfn f() { super::windows::g() }",
                vec!["circle of modules: engine::budget → engine::windows → engine::budget"],
            ),
            // A file may extend the type of its folder's `mod.rs`.
            (
                "engine::budget",
                "use super::*;\nuse crate::engine::Engine;",
                vec![],
            ),
            // An item of another crate is no arrow, even if a module re-exports it.
            (
                "api::event",
                "use super::Days;\nuse crate::api::Days;",
                vec![],
            ),
            (
                "api::event",
                "fn f() { crate::Pull::new() }",
                vec!["api::event line 1: uses driver, which is a layer above it"],
            ),
            (
                "api::event",
                "use crate::Unheard;",
                vec!["api::event line 1: uses an item of lib.rs: name the module that defines it"],
            ),
            (
                "misplaced",
                "use crate::api::Event;",
                vec!["misplaced line 1: uses api::event, and one of the two has no layer in xtask"],
            ),
            (
                "engine::budget",
                "use std::sync::{Arc, Mutex};\nstatic N: AtomicU64 = n();\nasync fn f() {}",
                vec![
                    "engine::budget line 1: `Mutex` belongs into driver",
                    "engine::budget line 2: `AtomicU64` belongs into driver",
                    "engine::budget line 3: `async` belongs into driver",
                ],
            ),
        ];
        for (module, text, expected) in cases {
            let found = found(&[(module, text)]);
            for fault in &expected {
                assert!(
                    found.iter().any(|found| found == fault),
                    "{fault}: {found:#?}"
                );
            }
            let others = found.iter().filter(|found| !found.starts_with("circle"));
            let expected = expected.iter().filter(|fault| !fault.starts_with("circle"));
            assert_eq!(others.count(), expected.count(), "{module}: {found:#?}");
        }
    }

    #[test]
    fn tests_may_use_anything() {
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more { use crate::driver::Pull; async fn f() {} }";
        assert_eq!(
            found(&[
                ("engine::budget", text),
                (
                    "engine::budget::tests",
                    "use crate::driver::Pull; async fn f() {}"
                ),
            ]),
            Faults::new()
        );
    }
}
