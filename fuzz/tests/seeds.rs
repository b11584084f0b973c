//! The seeds of every claim, every case that was ever found, and what lies near them.

use std::fs;
use std::path::Path;

use kapture_fuzz::CLAIMS;
use proptest::prelude::*;
use proptest::sample::Index;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(name);
    let entries = fs::read_dir(folder).expect("every claim has seeds");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("a seed"))
        .collect()
}

#[test]
fn every_claim_holds_for_its_seeds() {
    for (name, claim) in CLAIMS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        seeds.iter().for_each(|seed| claim(seed));
    }
}

/// One change to some bytes.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    CutAt(Index),
    Repeat(Index, Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Set(at, byte) => *at.get_mut(bytes) = *byte,
            Self::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Self::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Self::CutAt(at) => bytes.truncate(at.index(bytes.len())),
            Self::Repeat(from, to) => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(from..from, part);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    // Most bytes mean nothing to a reader of JSON; these do.
    let byte = prop_oneof![
        prop::sample::select(br#"{}[]",:\0123456789.-+eEtfn "#.to_vec()),
        any::<u8>(),
    ];
    let place = any::<Index>;
    prop_oneof![
        4 => (place(), byte.clone()).prop_map(|(at, byte)| Change::Set(at, byte)),
        3 => (place(), byte).prop_map(|(at, byte)| Change::Insert(at, byte)),
        3 => place().prop_map(Change::Remove),
        1 => place().prop_map(Change::CutAt),
        1 => (place(), place()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_claim_holds_near_its_seeds(
        claim in prop::sample::select(CLAIMS.to_vec()),
        seed in any::<Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let (name, claim) = claim;
        let mut bytes = seed.get(&seeds(name)).clone();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        claim(&bytes);
    }
}
