//! Whether output is coloured.

use std::io::IsTerminal;

/// Only on a terminal, and not if `NO_COLOR` is set (<https://no-color.org>).
pub(crate) fn is_enabled(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
