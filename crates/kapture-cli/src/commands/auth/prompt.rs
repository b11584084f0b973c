//! Questions on the terminal.

use std::io::{self, BufRead, Write};

use anyhow::{Context, Result, bail};

/// Prompts for a line.
pub(super) fn line(text: &str) -> Result<String> {
    eprint!("{text}");
    io::stderr().flush()?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        eprintln!();
        bail!("nothing is stored: the input ended before all prompts were answered");
    }
    Ok(line.trim().to_owned())
}

/// Prompts for a line that the terminal does not show.
pub(super) fn secret(text: &str) -> Result<String> {
    read_secret(text).context("cannot prompt for the secret")
}

#[cfg(not(unix))]
fn read_secret(text: &str) -> io::Result<String> {
    rpassword::prompt_password(text)
}

#[cfg(unix)]
fn read_secret(text: &str) -> io::Result<String> {
    let terminal = unix::HiddenTerminal::open(text)?;
    eprint!("{text}");
    let config = rpassword::ConfigBuilder::new()
        .input_reader(terminal)
        .output_discard()
        .build();
    let secret = rpassword::read_password_with_config(config);
    eprintln!();
    secret
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, Read};

    use rustix::process::{Signal, getpid, kill_process};
    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    };

    /// Ctrl-C, Ctrl-\ and Ctrl-Z. Their signals would end or stop the process before the terminal shows again what is
    /// typed, so the terminal does not send them.
    const KEYS: [(u8, Signal); 3] = [
        (0x03, Signal::INT),
        (0x1c, Signal::QUIT),
        (0x1a, Signal::STOP),
    ];

    /// The terminal of the process while it does not show what is typed.
    pub(super) struct HiddenTerminal {
        input: File,
        before: Termios,
        /// Shown again when the process goes on after a stop.
        prompt: String,
    }

    impl HiddenTerminal {
        pub(super) fn open(prompt: &str) -> io::Result<Self> {
            let input = File::open("/dev/tty")?;
            let before = tcgetattr(&input)?;
            let prompt = prompt.to_owned();
            let terminal = Self {
                input,
                before,
                prompt,
            };
            terminal.hide()?;
            Ok(terminal)
        }

        /// Each key comes at once, and is not shown.
        fn hide(&self) -> io::Result<()> {
            let mut hidden = self.before.clone();
            let shown = LocalModes::ECHO | LocalModes::ECHONL;
            hidden.local_modes -= shown | LocalModes::ICANON | LocalModes::ISIG;
            hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
            hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
            Ok(tcsetattr(&self.input, OptionalActions::Now, &hidden)?)
        }

        fn show(&self) -> io::Result<()> {
            Ok(tcsetattr(&self.input, OptionalActions::Now, &self.before)?)
        }
    }

    impl Read for HiddenTerminal {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            loop {
                let mut key = [0];
                if self.input.read(&mut key)? == 0 {
                    return Ok(0);
                }
                let Some((_, signal)) = KEYS.iter().find(|(code, _)| *code == key[0]) else {
                    buffer[0] = key[0];
                    return Ok(1);
                };
                self.show()?;
                eprintln!();
                // Only a stop comes back from here.
                kill_process(getpid(), *signal)?;
                self.hide()?;
                eprint!("{}", self.prompt);
            }
        }
    }

    impl Drop for HiddenTerminal {
        fn drop(&mut self) {
            // Nothing better can be done.
            let _ = self.show();
        }
    }
}
