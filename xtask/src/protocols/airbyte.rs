//! The connector for Airbyte, judged by the models of the protocol, run by PyAirbyte, and run as in its image.

use super::Bench;
use crate::{Error, Faults};

pub(super) fn faults(bench: &Bench<'_>) -> Result<Faults, Error> {
    let python = bench.environment("airbyte")?;
    let mut faults = bench.run(
        python.clone(),
        "airbyte_source.py",
        &[bench.guide.join("airbyte.md")],
        "what the connector for Airbyte writes is not what the tenant has",
    )?;
    faults.extend(bench.run(
        python,
        "airbyte_image.py",
        std::slice::from_ref(&bench.dockerfile),
        "the connector for Airbyte does not work in its image",
    )?);
    Ok(faults)
}
