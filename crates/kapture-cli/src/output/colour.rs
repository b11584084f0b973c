//! Whether what is printed may be coloured.

use std::io::IsTerminal;

/// On a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
pub(crate) fn suits(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
