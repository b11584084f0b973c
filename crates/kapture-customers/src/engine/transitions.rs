//! Each transition of a pull and of its confirmation, to be read beside the diagrams on [`Engine`] and
//! on `Confirmation`.

use kapture_sandbox::{
    Behaviour, EmptyForm, ErrorCode, FaultKind, Faults, Outage, PerDay, Population, SameDay,
    Tenant, When, Windows,
};

use super::*;
use crate::api::Days;
use crate::simulation::{Run, may, new_years_day};

/// What a server does, its customers by day of May, and the states that a pull goes through.
type Row<'a> = (&'a str, &'a [(i64, u32)], Behaviour, &'a [&'a str]);

fn phase(engine: &Engine) -> String {
    match &engine.phase {
        Phase::Probing(_) => "Probing".into(),
        Phase::Comparing(_) => "Comparing".into(),
        Phase::Reading => format!("Reading({})", engine.bound()),
        Phase::Finished(None) => "Finished".into(),
        Phase::Finished(Some(error)) => format!("Finished({:?})", error.kind()),
    }
}

/// The states that a pull of 3 to `last` May goes through.
fn states(
    last: i64,
    busy: &[(i64, u32)],
    behaviour: Behaviour,
    state: impl Fn(&Engine) -> String,
) -> Vec<String> {
    let busy = busy.iter().map(|(day, count)| (may(*day), *count));
    let population = Population::new(7).days(may(-20), may(60), PerDay::Listed(busy.collect()));
    let tenant = Tenant::new(population, behaviour);
    let settings = Settings::new(Days::between(may(3), may(last)).expect("a range"));
    let mut run = Run::new(settings, &tenant, 4, new_years_day());
    let mut states = vec![state(&run.engine)];
    while run.step() {
        states.push(state(&run.engine));
    }
    states.push(state(&run.engine));
    states.dedup();
    states
}

/// Requests that are answered as if there were no customers.
fn out(when: When) -> Outage {
    Outage {
        when,
        form: Some(EmptyForm::EmptyList),
    }
}

#[test]
fn every_transition_of_a_pull() {
    let windows = |windows| Behaviour {
        windows,
        ..Behaviour::default()
    };
    let exclusive = |same_day| windows(Windows::Exclusive { same_day });
    let refuses_token =
        FaultKind::Coded(ErrorCode::AuthKeyInvalid, kapture_sandbox::CodePlace::Both);
    let unauthorized = Behaviour {
        faults: Faults::when([(When::Always, refuses_token)]),
        ..Behaviour::default()
    };
    let many = [(3, 60), (4, 70), (5, 80)];
    // D…D+1, the same with a smaller limit, and again.
    let refused = |numbers| (When::Requests(numbers), FaultKind::Failed("Busy".into()));
    let troubled = Behaviour {
        faults: Faults::when([refused(1..=1), refused(4..=5)]),
        ..windows(Windows::EndMinute(600))
    };
    // The same, but the repetitions are answered with lists without rows.
    let emptied = Behaviour {
        faults: Faults::when([refused(1..=1)]),
        outages: vec![out(When::Requests(4..=5))],
        ..windows(Windows::EndMinute(600))
    };
    let table: [Row<'_>; 9] = [
        (
            "D…D and D+1…D+1 show all of D…D+1",
            &many,
            windows(Windows::Inclusive),
            &["Probing", "Comparing", "Reading(inclusive)", "Finished"],
        ),
        (
            "they do not",
            &many,
            exclusive(SameDay::Empty),
            &["Probing", "Comparing", "Reading(exclusive)", "Finished"],
        ),
        (
            "they are refused",
            &many,
            exclusive(SameDay::Refused),
            &["Probing", "Comparing", "Reading(exclusive)", "Finished"],
        ),
        (
            "D…D+1 is refused, D…D is taken",
            &many,
            windows(Windows::Strict),
            &["Probing", "Reading(single day)", "Finished"],
        ),
        (
            "D…D+1 is refused until it is asked once more",
            &many,
            troubled,
            &["Probing", "Comparing", "Reading(exclusive)", "Finished"],
        ),
        (
            "D…D+1 is refused, and then without rows, until it is asked once more",
            &many,
            emptied,
            &["Probing", "Comparing", "Reading(exclusive)", "Finished"],
        ),
        (
            "all of D…D+1 were created on D+1, which shows nothing about the end of D",
            &[(4, 60), (5, 70)],
            windows(Windows::Inclusive),
            &[
                "Probing",
                "Comparing",
                "Probing",
                "Comparing",
                "Reading(inclusive)",
                "Finished",
            ],
        ),
        (
            "every window is without rows",
            &[],
            windows(Windows::Inclusive),
            &["Probing", "Finished"],
        ),
        (
            "the token is refused",
            &many,
            unauthorized,
            &["Probing", "Finished(Call)"],
        ),
    ];
    for (what, busy, behaviour, expected) in table {
        assert_eq!(states(5, busy, behaviour, phase), expected, "{what}");
    }
}

#[test]
fn every_transition_of_a_confirmation() {
    let state = |engine: &Engine| engine.confirmation.name().to_owned();
    let busy: &[(i64, u32)] = &[(3, 60), (4, 70), (5, 80)];
    let emptied = |when| Behaviour {
        outages: vec![out(when)],
        ..Behaviour::default()
    };
    let first = When::FirstAsks {
        day: may(7),
        count: 1,
    };
    let table: [Row<'_>; 4] = [
        (
            "the canary has rows, the window has none, the canary has rows",
            busy,
            Behaviour::default(),
            &["Idle", "Before", "Looking", "After", "Idle"],
        ),
        (
            "the window has rows: the rest needs three looks",
            &[(3, 60), (4, 70), (5, 80), (7, 60)],
            emptied(first),
            &[
                "Idle", "Before", "Looking", "After", "Idle", "Before", "Looking", "After", "Idle",
                "Before", "Looking", "After", "Idle",
            ],
        ),
        (
            "no canary is known: one is looked for, then windows are looked at twice without",
            &[],
            Behaviour::default(),
            &["Idle", "Searching", "Looking", "Idle"],
        ),
        (
            "no canary is known: one is found before the asked days",
            &[(1, 60)],
            Behaviour::default(),
            &["Idle", "Searching", "Before", "Looking", "After", "Idle"],
        ),
    ];
    for (what, busy, behaviour, expected) in table {
        let states = states(8, busy, behaviour, state);
        assert_eq!(states, expected, "{what}");
    }
}

#[test]
fn customers_of_a_large_first_day_are_not_kept_for_comparisons() {
    let population = Population::new(7).days(may(-20), may(60), PerDay::Fixed(20_000));
    let tenant = Tenant::new(population, Behaviour::default());
    let settings = Settings::new(Days::between(may(3), may(5)).expect("a range"));
    let mut run = Run::new(settings, &tenant, 4, new_years_day());
    let mut most = 0;
    while run.step() {
        most = most.max(run.engine.shown.len());
    }
    assert!((1..5_000).contains(&most), "{most}");
}
