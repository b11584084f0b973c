//! How many requests a pull makes on a server that does all as documented.

use kapture_sandbox::{Behaviour, Oddities, PerDay, Population, Tenant};

use crate::api::Days;
use crate::engine::Settings;

use super::{Run, may, new_years_day};

/// The rows of a page behind those that were asked back.
const ROWS: u64 = 499;

/// For days of so many customers: a request for each window and each further page, and another for the end of each
/// window, or for its emptiness. For what is to be learnt, two dozen; a dozen where ends are told from the lengths of
/// pages.
#[test]
fn well_behaved_server_is_asked_no_more_than_is_promised() {
    let small = [0, 1, 37, 100, 480, 500, 1_000, 2_500];
    let cases = small
        .into_iter()
        .flat_map(|per_day| [1, 2, 7, 30, 90].map(|days| (per_day, days)));
    for (per_day, days) in cases.chain([(20_000, 1), (100_000, 1)]) {
        for fewer_requests in [false, true] {
            let asked = requests(per_day, days, fewer_requests);
            let windows = days as u64 + 2;
            let further = windows * (u64::from(per_day).saturating_sub(1) / ROWS);
            let (again, once) = match (fewer_requests, per_day) {
                (false, _) => (windows, 24),
                // What is empty is looked at again however few requests are made.
                (true, 0) => (windows, 12),
                (true, _) => (0, 12),
            };
            let most = windows + further + again + once;
            assert!(
                asked <= most,
                "{asked} requests instead of {most}: {days} days of {per_day}, fewer {fewer_requests}"
            );
        }
    }
}

fn requests(per_day: u32, days: i64, fewer_requests: bool) -> u64 {
    let population = Population::new(3).days(may(-70), may(400), PerDay::Fixed(per_day));
    let behaviour = Behaviour {
        oddities: Oddities {
            bare: true,
            ..Oddities::none()
        },
        ..Behaviour::default()
    };
    let tenant = Tenant::new(population, behaviour);
    let settings = Settings {
        fewer_requests,
        ..Settings::new(Days::between(may(1), may(days)).expect("a range"))
    };
    let told = Run::new(settings, &tenant, 16, new_years_day()).finish();
    assert_eq!(told.receipts.len() as i64, days);
    tenant.request_count()
}
