//! What real tenants of the vendor do beyond its documentation.

use std::process::Output;

use kapture_sandbox::{
    Behaviour, CodePlace, EmptyForm, Envelope, ErrorCode, FaultKind, Faults, PerDay, Spelling, When,
};
use kapture_tests::{Served, around_may, code, ids, kapture, stderr};

const WEEK: [&str; 5] = ["pull", "--from", "2024-05-01", "--to", "2024-05-07"];

fn pull(served: &Served, more: &[&str]) -> Output {
    let arguments = [&WEEK[..], &["--retry-for", "1s"], more].concat();
    served.kapture(&arguments).output().expect("it runs")
}

fn expect_every_customer(served: &Served, output: &Output) {
    assert_eq!(code(output), 0, "{}", stderr(output));
    let day = |text: &str| text.parse().expect("a date");
    let truth = served
        .tenant
        .truth_ids(day("2024-05-01"), day("2024-05-07"));
    assert_eq!(ids(&output.stdout), truth);
}

#[test]
fn one_row_may_be_a_bare_object_and_none_a_sentence() {
    for per_day in [PerDay::Between(0, 2), PerDay::Between(0, 40)] {
        for spelling in [Spelling::Documented, Spelling::Capitalised] {
            let behaviour = Behaviour {
                envelope: Envelope {
                    spelling,
                    single_row_as_object: true,
                    ..Envelope::default()
                },
                empty_window: EmptyForm::SuccessText("No customers found".into()),
                ..Behaviour::default()
            };
            let served = Served::new(around_may(per_day.clone()), behaviour);
            expect_every_customer(&served, &pull(&served, &[]));
        }
    }
}

#[test]
fn no_customers_may_be_said_under_another_key() {
    let behaviour = Behaviour {
        empty_window: EmptyForm::FailedUnder {
            key: "Customer Details".into(),
            sentence: "Information given does not exist".into(),
        },
        ..Behaviour::default()
    };
    let weekly = PerDay::Weekly {
        weekday: 3..=30,
        weekend: 0..=0,
    };
    let served = Served::new(around_may(weekly), behaviour);
    expect_every_customer(&served, &pull(&served, &[]));
}

#[test]
fn words_of_a_failure_under_another_key_are_quoted() {
    let behaviour = Behaviour {
        empty_window: EmptyForm::FailedUnder {
            key: "Customer Details".into(),
            sentence: "E-1017 odd".into(),
        },
        ..Behaviour::default()
    };
    let served = Served::new(around_may(PerDay::Fixed(0)), behaviour);
    let output = pull(&served, &[]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("E-1017 odd"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn expired_key_is_the_token() {
    for place in [
        CodePlace::Message,
        CodePlace::Status,
        CodePlace::Both,
        CodePlace::Nowhere,
        CodePlace::Error,
        CodePlace::ErrorObject,
    ] {
        for error in [ErrorCode::ApiExpired, ErrorCode::AuthKeyInvalid] {
            let fault = FaultKind::Coded(error, place);
            let behaviour = Behaviour {
                faults: Faults::when([(When::Always, fault)]),
                ..Behaviour::default()
            };
            let served = Served::new(around_may(PerDay::Fixed(3)), behaviour);
            let output = pull(&served, &[]);
            assert_eq!(code(&output), 3, "{}", stderr(&output));
            let hint = "keys have an expiry date";
            assert!(stderr(&output).contains(hint), "{}", stderr(&output));
        }
    }
}

#[test]
fn missing_field_names_the_options_that_add_it() {
    for place in [
        CodePlace::Message,
        CodePlace::Status,
        CodePlace::Both,
        CodePlace::Nowhere,
        CodePlace::Error,
        CodePlace::ErrorObject,
    ] {
        let behaviour = Behaviour {
            every_documented_key: true,
            envelope: Envelope {
                error_codes: Some(place),
                ..Envelope::default()
            },
            ..Behaviour::default()
        };
        let served = Served::new(around_may(PerDay::Fixed(3)), behaviour);
        let output = pull(&served, &[]);
        assert_eq!(code(&output), 4, "{}", stderr(&output));
        if place != CodePlace::Nowhere {
            let requests = served.tenant.requests().len();
            assert!(requests < 20, "{requests} requests");
        }
        for option in ["--set", "--full-body"] {
            assert!(stderr(&output).contains(option), "{}", stderr(&output));
        }
        expect_every_customer(&served, &pull(&served, &["--full-body"]));
    }
}

#[test]
fn dotted_subdomain_names_the_base_url() {
    let mut command = kapture(&WEEK);
    command.args(["--subdomain", "acme.int", "--cm-id", "424242"]);
    let output = command.env("KAPTURE_TOKEN", "U0VDUkVU").output().unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    let hint = "--base-url https://acme.int.kapturecrm.com";
    assert!(stderr(&output).contains(hint), "{}", stderr(&output));
}
