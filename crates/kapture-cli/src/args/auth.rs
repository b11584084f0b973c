//! `kapture auth`.

use clap::{Args, Subcommand};

use super::ConnectionArgs;

/// Sign in once, and store the token where only you can read it
#[derive(Debug, Args)]
pub(crate) struct AuthArgs {
    #[command(subcommand)]
    pub(crate) action: AuthAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthAction {
    Login(Box<LoginArgs>),
    Status(Box<AuthStatusArgs>),
    Logout(LogoutArgs),
}

/// Check a connection with one request, and store it as a profile
///
/// Prompts on the terminal for what is not given as an option. Without a terminal nothing is
/// prompted for, and the secret is read from standard input. The token is stored in the desktop
/// keyring on Linux if secret-tool is installed, in the keychain on macOS, and otherwise in a file
/// beside the configuration that only you can read. The last line of output says which.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture auth login
  kapture auth login --subdomain acme --cm-id 424242 --with-token < token
  kapture auth login --subdomain acme --cm-id 424242 --user asha --with-password < password

Afterwards: kapture pull --last 7 -o customers.ndjson")]
pub(crate) struct LoginArgs {
    /// Read the token from standard input
    #[arg(long, conflicts_with_all = ["with_password", "user", "token_file", "sandbox"])]
    pub(crate) with_token: bool,
    /// Read the password of --user from standard input
    #[arg(long, requires = "user", conflicts_with_all = ["token_file", "sandbox"])]
    pub(crate) with_password: bool,
    /// User name that forms the token together with the password
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Store the token in a file even if there is a keyring
    #[arg(long)]
    pub(crate) keep_in_file: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Show the connection in use and the origin of each setting, and check it with one request
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture auth status
  kapture auth status --sandbox")]
pub(crate) struct AuthStatusArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Remove the token that auth login stored; the rest of the profile stays
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture auth logout")]
pub(crate) struct LogoutArgs {
    /// Profile NAME; without it the default profile
    #[arg(long, value_name = "NAME", add = crate::commands::completions::profiles())]
    pub(crate) profile: Option<String>,
    /// Configuration file, instead of the one in the default location
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<std::path::PathBuf>,
}
