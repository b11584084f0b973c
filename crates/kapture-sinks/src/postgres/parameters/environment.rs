//! The environment variables of libpq.

use super::machine::Machine;
use super::{Origin, ParameterError, Parameters};

/// Each variable with the keyword that it gives a default for.
const VARIABLES: [(&str, &str); 31] = [
    ("PGAPPNAME", "application_name"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGDATABASE", "dbname"),
    ("PGGSSDELEGATION", "gssdelegation"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGOPTIONS", "options"),
    ("PGPASSFILE", "passfile"),
    ("PGPASSWORD", "password"),
    ("PGPORT", "port"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGSERVICE", "service"),
    ("PGSERVICEFILE", "servicefile"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLCOMPRESSION", "sslcompression"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLSNI", "sslsni"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGUSER", "user"),
];

/// The parameters that variables set.
pub(super) fn parameters(machine: &impl Machine) -> Result<Parameters, ParameterError> {
    let mut parameters = Parameters::default();
    for (variable, keyword) in VARIABLES {
        if let Some(value) = machine.variable(variable) {
            let value = value.into_string();
            let value = value.map_err(|_| ParameterError::NotUtf8(variable))?;
            parameters.set(keyword, value, Origin::Environment);
        }
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::super::machine::FakeMachine;
    use super::*;

    #[test]
    fn each_variable_has_a_known_keyword() {
        let machine = VARIABLES
            .iter()
            .fold(FakeMachine::default(), |machine, (variable, _)| {
                machine.variable(variable, variable)
            });
        let parameters = parameters(&machine).unwrap();
        for (variable, keyword) in VARIABLES {
            assert_eq!(parameters.get(keyword), Some(variable));
        }
    }
}
