//! Each transition of a window and of a pass, to be read beside the diagrams on [`WindowReader`] and
//! [`PassReader`].

use std::ops::RangeInclusive;

use super::*;
use kapture_model::CustomerId;

type Rows = RangeInclusive<u64>;

const NONE: Rows = Rows::new(1, 0);

fn page(rows: &Rows) -> PageIds {
    let ids: Vec<_> = rows.clone().map(CustomerId::Number).collect();
    let length = Length {
        rows: ids.len(),
        bytes: 100 * ids.len(),
    };
    PageIds { ids, length }
}

mod window {
    use super::*;

    /// What happens to a window.
    enum Input {
        /// Its next pages come: these rows.
        Pages(Vec<Rows>),
        /// Its next page fails for good.
        Failure,
        /// It was read as often as it may be, each time in another order.
        Disorder,
        /// The order of rows became known elsewhere.
        OrderKnown,
        /// It goes on without more being known.
        Resume,
        /// The engine looked again: these rows.
        Look(Rows),
        /// The engine has confirmed what it says.
        Confirm,
    }
    use Input::{Confirm, Disorder, Failure, Look, OrderKnown, Pages, Resume};

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 5, 2).expect("a date")
    }

    fn state(reader: &WindowReader) -> String {
        match &reader.state {
            WindowState::First { .. } if reader.passes == 0 => "First".into(),
            WindowState::First { .. } => "Next pass".into(),
            WindowState::Paging(_) => "Paging".into(),
            WindowState::Grid { .. } => "Grid".into(),
            WindowState::Whole { .. } => "Whole".into(),
            WindowState::Uncut(_) => "Uncut".into(),
            WindowState::Deferred(..) => "Deferred".into(),
            WindowState::Empty => "Empty".into(),
            WindowState::Doubtful { .. } => "Doubtful".into(),
            WindowState::Complete(complete) => format!("Complete({:?})", complete.proof),
            WindowState::Failed(error) => format!("Failed({:?})", error.kind()),
        }
    }

    /// The inputs that lead a new window into a state.
    fn way_to(state: &str) -> Vec<Input> {
        let hole = || vec![1..=37, NONE, NONE, NONE];
        let again = |pages| std::iter::repeat_n(1..=37, pages).collect::<Vec<_>>();
        match state {
            "First" => vec![],
            "Paging" => vec![Pages(again(1))],
            "Next pass" => vec![Pages(hole())],
            "Deferred" => vec![Pages(vec![1..=5, 2..=5, NONE])],
            "Empty" => vec![Pages(vec![NONE])],
            "Doubtful" => vec![Pages([hole(), hole()].concat())],
            "Grid" => vec![Pages(again(3))],
            "Whole" => vec![Pages(again(4))],
            "Uncut" => vec![Pages(again(7))],
            other => panic!("{other} is left by nothing"),
        }
    }

    fn apply(reader: &mut WindowReader, evidence: &mut Evidence, input: Input) {
        match input {
            Pages(pages) => {
                for rows in pages {
                    let (request, ticket) = reader.next_needed().expect("a request");
                    reader.on_page(ticket, request, page(&rows), None, evidence);
                }
            }
            Failure => {
                let (_, ticket) = reader.next_needed().expect("a request");
                let error = PullError::NoCanary {
                    window: reader.window,
                };
                reader.on_failure(ticket, 100, error, evidence);
            }
            Disorder => {
                let mut met = 0;
                while let Some((request, ticket)) = reader.next_needed() {
                    // As many rows at each request, and never the same.
                    let rows = 40_u64.saturating_sub(request.offset);
                    let page = page(&(met + 1..=met + rows));
                    met += rows;
                    reader.on_page(ticket, request, page, None, evidence);
                }
            }
            OrderKnown => {
                evidence.row_order.was_kept(8);
                reader.reconsider(evidence);
            }
            Resume => reader.resume(),
            Look(rows) => {
                reader.look().expect("a request");
                reader.on_look(page(&rows), evidence);
            }
            Confirm => reader.confirm(),
        }
    }

    #[test]
    fn every_transition() {
        let table = [
            ("First", Pages(vec![NONE]), "Empty"),
            ("First", Pages(vec![1..=37]), "Paging"),
            ("First", Failure, "Failed(NoCanary)"),
            // Behind the last rows come more.
            ("Paging", Pages(vec![30..=66]), "Paging"),
            // Nothing but the rows that were asked back.
            ("Paging", Pages(vec![30..=37]), "Complete(Contiguous)"),
            // Nothing where rows were known, also further back.
            ("Paging", Pages(vec![NONE, NONE, NONE]), "Next pass"),
            ("Paging", Pages(vec![1..=37, 1..=37]), "Grid"),
            ("Paging", Disorder, "Failed(Unstable)"),
            ("Paging", Failure, "Failed(NoCanary)"),
            ("Next pass", Pages(vec![1..=37]), "Paging"),
            ("Next pass", Pages(vec![NONE]), "Doubtful"),
            (
                "Next pass",
                Pages(vec![1..=37, NONE, NONE, NONE]),
                "Doubtful",
            ),
            // Four rows in their order show less than eight, and are most of a page.
            ("First", Pages(vec![1..=5, 2..=5]), "Paging"),
            ("First", Pages(vec![1..=5, 2..=5, NONE]), "Deferred"),
            ("Deferred", OrderKnown, "Complete(Contiguous)"),
            ("Deferred", Resume, "Next pass"),
            ("Empty", Confirm, "Complete(Contiguous)"),
            ("Empty", Look(1..=37), "Paging"),
            ("Doubtful", Confirm, "Failed(OffsetCapped)"),
            ("Doubtful", Look(30..=37), "Next pass"),
            // Pages of 37 and of 24 rows.
            (
                "Grid",
                Pages(vec![38..=40, NONE, 1..=24, 25..=40, NONE]),
                "Complete(Contiguous)",
            ),
            ("Grid", Pages(vec![1..=37]), "Whole"),
            ("Whole", Pages(vec![1..=37; 3]), "Uncut"),
            ("Uncut", Resume, "Failed(OffsetIgnored)"),
        ];
        for (from, input, to) in table {
            let mut evidence = Evidence {
                page_limit: crate::evidence::page_limit::PageLimit::new(500),
                ..Evidence::default()
            };
            let mut reader = WindowReader::new(day(), Span::OneDay, &evidence);
            for input in way_to(from) {
                apply(&mut reader, &mut evidence, input);
            }
            assert_eq!(state(&reader), from);
            apply(&mut reader, &mut evidence, input);
            assert_eq!(state(&reader), to, "from {from}");
        }
    }

    /// A window that is over asks nothing more.
    #[test]
    fn complete_window_asks_nothing() {
        let mut evidence = Evidence::default();
        let mut reader = WindowReader::new(day(), Span::OneDay, &evidence);
        apply(&mut reader, &mut evidence, Pages(vec![NONE]));
        assert!(reader.next_needed().is_none());
        apply(&mut reader, &mut evidence, Confirm);
        assert!(reader.next_needed().is_none() && reader.look().is_none());
    }
}

mod pass {
    use super::*;

    /// What a page at the asked offset does to a pass.
    #[derive(Debug, PartialEq)]
    enum Then {
        /// The next page is asked from this offset on.
        Asks(u64),
        Ended,
        /// From this offset on there was nothing where rows were known.
        EndedAtHole(u64),
        FirstPageRepeated,
        Endless,
    }
    use Then::{Asks, Ended, EndedAtHole, Endless, FirstPageRepeated};

    /// A first page of rows 1 to 37, and pages of at most 37 rows behind it.
    #[test]
    fn every_transition() {
        let table: [(&str, &[(Rows, Then)]); 10] = [
            ("the overlap alone", &[(30..=37, Ended)]),
            (
                "more rows behind it: one row back, once the order is known",
                &[(30..=66, Asks(65)), (66..=66, Ended)],
            ),
            (
                "known rows in their order, at least eight: rows moved",
                &[(28..=50, Asks(36)), (35..=50, Ended)],
            ),
            ("too few known rows", &[(36..=60, Asks(21))]),
            ("a gap", &[(38..=60, Asks(21))]),
            (
                "a gap, also from further back: in disorder",
                &[(38..=60, Asks(21)), (38..=60, Asks(1)), (38..=60, Asks(24))],
            ),
            (
                "nothing where rows were known",
                &[(NONE, Asks(21)), (NONE, Asks(1)), (NONE, EndedAtHole(29))],
            ),
            (
                "rows that went",
                &[
                    (NONE, Asks(21)),
                    (NONE, Asks(1)),
                    (2..=20, Asks(4)),
                    (5..=20, Ended),
                ],
            ),
            (
                "the first page again",
                &[(1..=37, Asks(37)), (1..=37, FirstPageRepeated)],
            ),
            (
                "the first page again, and a new one behind it",
                &[(1..=37, Asks(37)), (38..=50, FirstPageRepeated)],
            ),
        ];
        for (what, pages) in table {
            let mut evidence = Evidence::default();
            let mut pass = PassReader::begin(&page(&(1..=37)), 500, 500, &evidence);
            assert_eq!(pass.next_offset(), 29, "eight rows back");
            for (rows, then) in pages {
                let step = pass.on_page(&page(rows), &mut evidence);
                let came = match step {
                    PassStep::Continue => Asks(pass.next_offset()),
                    PassStep::Ended(end) => end.hole.map_or(Ended, EndedAtHole),
                    PassStep::FirstPageRepeated => FirstPageRepeated,
                    PassStep::Endless => Endless,
                };
                assert_eq!(came, *then, "{what}: {rows:?}");
            }
        }
    }

    #[test]
    fn pages_without_a_new_customer_have_an_end() {
        let mut evidence = Evidence::default();
        let mut pass = PassReader::begin(&page(&(1..=37)), 500, 500, &evidence);
        let mut backwards = page(&(1..=37));
        backwards.ids.reverse();
        let steps = (0..100).map(|_| pass.on_page(&backwards, &mut evidence));
        let is_over = |step: &PassStep| *step != PassStep::Continue;
        assert_eq!(steps.into_iter().find(is_over), Some(PassStep::Endless));
    }
}
