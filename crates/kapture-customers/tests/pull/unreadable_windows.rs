//! Windows that a server never shows: the days to which their customers may belong fail, and no others.

use std::sync::Arc;

use crate::against::{InMemory, may, population, pull_from, truth};
use async_trait::async_trait;
use chrono::NaiveDate;
use kapture_sandbox::{Behaviour, EmptyForm, PerDay, Tenant, Windows};
use kapture_transport::{ClientOptions, Request, Response, Transport, TransportError};

type Answer = Result<Response, TransportError>;

/// A tenant with a customer that it cannot show: every window of which it is a part is answered with
/// something else instead, and perhaps every window years ahead.
#[derive(Clone)]
struct Poisoned {
    tenant: InMemory,
    customer: String,
    answer: Answer,
    years_ahead: Option<Answer>,
}

#[async_trait]
impl Transport for Poisoned {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let body = String::from_utf8_lossy(&request.body);
        if !body.contains(r#""createStartDate":"2024"#)
            && let Some(answer) = &self.years_ahead
        {
            return answer.clone();
        }
        let response = self.tenant.send(request).await?;
        let shown = String::from_utf8_lossy(&response.body).contains(&self.customer);
        match shown {
            true => self.answer.clone(),
            false => Ok(response),
        }
    }
}

fn plain() -> EmptyForm {
    EmptyForm::Failed("No customers found".into())
}

/// Expects that nothing but what may belong to 5 May is lacking, and that nothing is lacking in silence.
async fn expect_others_whole(
    answer: &Answer,
    years_ahead: Option<&Answer>,
    asked: (i64, Windows, &[(NaiveDate, u32)], &EmptyForm),
) {
    let (from, windows, sizes, empty_window) = asked;
    let told =
        format!("{answer:?} {years_ahead:?} {windows:?} {empty_window:?} {sizes:?} from {from}");
    let behaviour = Behaviour {
        windows,
        empty_window: empty_window.clone(),
        ..Behaviour::default()
    };
    let population = population(7, PerDay::Listed(sizes.to_vec()));
    let tenant = Arc::new(Tenant::new(population, behaviour));
    let poison = *tenant.truth_ids(may(5), may(5)).first().expect("one");
    let server = Poisoned {
        tenant: InMemory(Arc::clone(&tenant)),
        customer: poison.to_string(),
        answer: answer.clone(),
        years_ahead: years_ahead.cloned(),
    };
    let options = ClientOptions::default();
    let pulled = pull_from(server, may(from), may(9), |pull| pull, options).await;
    let truth = truth(&tenant, may(from), may(9));
    let ids = pulled.ids();
    for day in pulled.receipts.keys() {
        assert_eq!(ids.get(day), truth.get(day), "{day}: {told}");
    }
    // Where no success tells plain words from others, more may be in doubt.
    if empty_window == &plain() {
        return;
    }
    let error = &pulled.error;
    assert!(error.is_none(), "{error:?}: {told}");
    let beside = may(3)..=may(6);
    for (day, error) in &pulled.failed {
        assert!(error.to_string().contains("2024-05"), "{error}: {told}");
        assert!(beside.contains(day), "{day} {error}: {told}");
    }
    assert_eq!(pulled.failed.contains_key(&may(5)), from <= 5, "{told}");
    let days = pulled.receipts.len() + pulled.failed.len();
    assert_eq!(days, 10 - from as usize, "{told}");
}

/// The first pages that are asked for may be answered so, or those of windows beside quiet days: the
/// days to which the customer might belong fail, and all others are whole.
#[tokio::test(start_paused = true)]
async fn a_window_that_is_never_shown_fails_its_days_alone() {
    let refused = serde_json::json!({ "message": "E-1017", "status": "failed" });
    let refused = Ok(Response::new(200, refused.to_string()));
    let down = Ok(Response::new(500, ""));
    let too_large = Err(TransportError::TooLarge(1));
    let is_refused = |answer: &Answer| answer.as_ref().is_ok_and(|it| it.status == 200);
    let list = EmptyForm::EmptyList;
    let plain = plain();
    for (answer, years_ahead) in [
        (&refused, None),
        (&refused, Some(&refused)),
        (&refused, Some(&down)),
        (&down, None),
        (&down, Some(&down)),
        (&too_large, None),
        (&too_large, Some(&too_large)),
    ] {
        for windows in Windows::ALL {
            for (sizes, empty_window) in [
                (vec![(may(5), 4)], &list),
                (vec![(may(5), 4)], &plain),
                (vec![(may(5), 4), (may(9), 1)], &list),
                (vec![(may(5), 4), (may(9), 1)], &plain),
                ((1..12).map(|day| (may(day), 3)).collect(), &list),
            ] {
                let status = answer.as_ref().map_or(0, |it| it.status);
                // Where only those years ahead are answered otherwise than in plain words, that is how
                // windows without customers are answered.
                let is_learnt = empty_window == &plain || sizes.len() > 2;
                if years_ahead.is_some_and(is_refused) && is_learnt {
                    continue;
                }
                for from in 1..=6 {
                    // Who has shown nothing yet is not there, or shows too much of everything.
                    let refused_before = from == 6 && windows != Windows::Inclusive;
                    if status != 200 && from == 5 || status == 0 && refused_before {
                        continue;
                    }
                    let asked = (from, windows, &sizes[..], empty_window);
                    expect_others_whole(answer, years_ahead, asked).await;
                }
            }
        }
    }
}

/// A server whose customers of one day have no id.
struct Nameless(InMemory);

#[async_trait]
impl Transport for Nameless {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let asked = String::from_utf8_lossy(&request.body).contains("2024-05-05");
        let mut response = self.0.send(request).await?;
        let is_refused = String::from_utf8_lossy(&response.body).contains("failed");
        if asked && !is_refused {
            response.body = r#"{"message":[{"name":"Asha"}],"status":"success"}"#.into();
        }
        Ok(response)
    }
}

/// Also of a day that is met before anything is known of the server.
#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_told_apart_fail_their_day_alone() {
    for windows in Windows::ALL {
        let behaviour = Behaviour {
            windows,
            ..Behaviour::default()
        };
        let population = population(6, PerDay::Listed(vec![(may(9), 7)]));
        let tenant = Arc::new(Tenant::new(population, behaviour));
        for from in [2, 5, 6] {
            let server = Nameless(InMemory(Arc::clone(&tenant)));
            let options = ClientOptions::default();
            let pulled = pull_from(server, may(from), may(9), |pull| pull, options).await;
            assert!(pulled.error.is_none(), "{windows:?}: {:?}", pulled.error);
            let failed = may(from.max(5));
            assert!(pulled.failed.contains_key(&failed), "{windows:?}");
            assert_eq!(pulled.receipts[&may(9)].customers, 7, "{windows:?}");
        }
    }
}
