//! `kapture sandbox`.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chrono::NaiveDate;
use kapture_sandbox::{
    Behaviour, Change, ContentType, DEFAULT_CM_ID, Edit, EmptyForm, FaultKind, Faults, Limit,
    Movement, Oddities, Offset, Order, PerDay, Population, Position, RandomEdits, RateLimit,
    SameDay, Tenant, Windows, serve,
};

use crate::args::{EmptyKind, OffsetKind, OrderKind, SandboxArgs, WindowKind};
use crate::error::CliError;
use crate::output::message::Message;
use crate::output::stdout;
use crate::signals::stop_signal;
use crate::text_file;

/// Serves a fake tenant until a signal stops it.
pub(crate) async fn run(arguments: &SandboxArgs) -> Result<(), CliError> {
    let tenant = Tenant::new(
        population(arguments).map_err(CliError::usage)?,
        behaviour(arguments).map_err(CliError::usage)?,
    );
    let server = serve(
        Arc::new(tenant),
        (Ipv4Addr::LOCALHOST, arguments.port).into(),
    )
    .await
    .map_err(|error| {
        CliError::usage(error.into())
            .context(format!("cannot serve on 127.0.0.1:{}", arguments.port))
            .hint("choose another port with --port, or 0 for any free port")
    })?;
    let stopped = stop_signal();
    stdout::print(&format!("{}\n", server.url()))?;
    Message::info(format!(
        "serving a fake tenant until Ctrl-C; to pull from it:\n  \
         export KAPTURE_BASE_URL={} KAPTURE_CM_ID={DEFAULT_CM_ID} KAPTURE_USER=sandbox KAPTURE_PASSWORD=sandbox\n  \
         kapture pull --from 2024-05-01 --to 2024-05-07",
        server.url()
    ))
    .print();
    stopped.await;
    Ok(())
}

fn population(arguments: &SandboxArgs) -> Result<Population> {
    let Some(customers) = &arguments.customers else {
        return Ok(Tenant::demo_population(arguments.seed));
    };
    let bad =
        || anyhow!("--customers: expected a number or a range such as 0..500, not `{customers}`");
    let number = |text: &str| text.parse::<u32>().map_err(|_| bad());
    let per_day = match customers.split_once("..") {
        Some((low, high)) => {
            let (low, high) = (number(low)?, number(high)?);
            if low > high {
                return Err(bad());
            }
            PerDay::Between(low, high)
        }
        None => PerDay::Fixed(number(customers)?),
    };
    let year = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).ok_or_else(bad);
    Ok(Population::new(arguments.seed).days(year(2020, 1, 1)?, year(2030, 12, 31)?, per_day))
}

fn edits(arguments: &SandboxArgs) -> Result<Vec<Edit>> {
    let Some(path) = &arguments.edits else {
        return Ok(Vec::new());
    };
    let script = text_file::read(path)
        .with_context(|| format!("--edits: cannot read {}", path.display()))?;
    Edit::script(&script).with_context(|| format!("--edits: {} is no script", path.display()))
}

fn behaviour(arguments: &SandboxArgs) -> Result<Behaviour> {
    if !(0.0..=1.0).contains(&arguments.fault_rate) {
        bail!(
            "--fault-rate: expected a share from 0 to 1, not {}",
            arguments.fault_rate
        );
    }
    Ok(Behaviour {
        windows: match arguments.windows {
            WindowKind::Inclusive => Windows::Inclusive,
            WindowKind::Exclusive => Windows::Exclusive {
                same_day: SameDay::Empty,
            },
            WindowKind::Strict => Windows::Strict,
            WindowKind::Moments => Windows::Moments,
        },
        zone_shift_minutes: arguments.shift,
        limit: match arguments.limit_cap {
            Some(rows) => Limit::CappedAt(rows),
            None if arguments.limit_ignored => Limit::Ignored,
            None => Limit::Honoured,
        },
        offset: match arguments.offset {
            OffsetKind::Honoured => Offset::Honoured,
            OffsetKind::Ignored => Offset::Ignored,
            OffsetKind::OneRowEarly => Offset::OneRowEarly,
        },
        order: match arguments.order {
            OrderKind::Id => Order::Id,
            OrderKind::IdDescending => Order::IdDescending,
            OrderKind::Name => Order::Name,
            OrderKind::Turns => Order::Turns,
            OrderKind::Ties => Order::Ties,
            OrderKind::Unstable => Order::Unstable,
        },
        edits: edits(arguments)?,
        random_edits: arguments.edit_every.map(|every| RandomEdits {
            every,
            seed: arguments.seed,
            at_most: None,
        }),
        movement: arguments.moving.map(|every| Movement {
            every,
            change: Change::Alternate,
            position: Position::Anywhere,
            at_most: None,
        }),
        empty_window: match arguments.empty {
            EmptyKind::List => EmptyForm::EmptyList,
            EmptyKind::Null => EmptyForm::Null,
            EmptyKind::Missing => EmptyForm::Missing,
            EmptyKind::Blank => EmptyForm::BlankText,
            EmptyKind::Failed => EmptyForm::Failed("No customers found".into()),
            EmptyKind::NotFound => EmptyForm::NotFound("No customers found".into()),
        },
        content_type: if arguments.html {
            ContentType::Html
        } else {
            ContentType::Json
        },
        gzip: arguments.gzip,
        oddities: if arguments.odd {
            Oddities::all(0.2)
        } else {
            Oddities::default()
        },
        faults: Faults::random(arguments.fault_rate, FaultKind::passing(), arguments.seed),
        think_time: Duration::from_millis(arguments.think_time),
        rate_limit: arguments.rate_limit.map(|per_second| RateLimit {
            per_second,
            retry_after: Some("1".into()),
        }),
        ..Behaviour::default()
    })
}
