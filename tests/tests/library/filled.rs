//! Destinations that a program fills with the crates.

use kapture_customers::Pull;
use kapture_model::{CustomerQuery, Days};
use kapture_sandbox::{
    Behaviour, DEFAULT_CM_ID, DEFAULT_TOKEN, FaultKind, Faults, PerDay, Tenant, When,
};
use kapture_sinks::chrono_tz::Tz;
use kapture_sinks::{Destination, Encoding, FileSink, FillError, Format, Identity, fill};
use kapture_tests::{Served, around_may, run, status};
use kapture_transport::{Client, ClientOptions, HttpOptions, HttpTransport, TenantUrl, Token};

use super::{may, pull, transport};

#[test]
fn database_of_a_program_is_synced_on_by_the_command_line() {
    let served = Served::new(around_may(PerDay::Fixed(3)), Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.db");
    let query = CustomerQuery::new(DEFAULT_CM_ID);
    let url = TenantUrl::base_url(&format!("{}/", served.url())).unwrap();
    let days = Days::between(may(1), may(4)).unwrap();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let receipts = runtime.block_on(async {
        let token = Token::from_base64(DEFAULT_TOKEN).unwrap();
        let transport = HttpTransport::new(&HttpOptions::default()).unwrap();
        let client = Client::new(transport, &url, token, ClientOptions::default());
        let destination = Destination::parse(path.to_str().unwrap(), None).unwrap();
        let identity = Identity::of(&url, &query, Tz::UTC);
        let encoding = Encoding::new(Format::Ndjson);
        let sink = destination.create(&identity, &encoding).await.unwrap();
        let events = Pull::new(client, query, days.clone()).events();
        fill(events, &days, &*sink).await.unwrap()
    });

    let destination = path.to_str().unwrap();
    run(&served, &["sync", destination, "--to", "2024-05-06"]);
    let held = status(&path);
    let days = held["days"].as_array().unwrap();
    assert_eq!(days.len(), 6, "{held}");
    // The days of the program are not pulled again.
    for receipt in receipts {
        let day = serde_json::to_value(&receipt).unwrap();
        assert!(days.contains(&day), "{day} {held}");
    }
}

#[tokio::test(start_paused = true)]
async fn file_of_a_pull_with_a_failed_day_does_not_get_its_name() {
    let behaviour = Behaviour {
        faults: Faults::when([(When::StartsOn(may(3)), FaultKind::Status500)]),
        ..Behaviour::default()
    };
    let tenant = Tenant::new(around_may(PerDay::Fixed(3)), behaviour);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.ndjson");
    let sink = FileSink::create(&path, &Encoding::new(Format::Ndjson)).unwrap();
    let days = Days::between(may(1), may(9)).unwrap();
    let error = fill(pull(transport(tenant), &days, 4).events(), &days, &sink).await;
    let Err(FillError::DaysFailed(failed)) = error else {
        panic!("{error:?}");
    };
    assert!(failed.iter().any(|(day, _)| *day == may(3)), "{failed:?}");
    assert!(failed.len() < 9, "{failed:?}");
    assert!(!path.exists());
}
