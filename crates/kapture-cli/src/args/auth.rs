//! `kapture auth`: signing in, once.

use clap::{Args, Subcommand};

use super::ConnectionArgs;

/// Sign in once, and keep the token where only you can read it
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

/// Ask for a connection, check it with one request, and keep it as a profile
///
/// What is not given as an option is asked for on the terminal; without one nothing is asked, and
/// the secret comes from standard input. It is kept in one place, and which is said: on Linux in
/// the keyring of the desktop, if secret-tool is installed; on macOS in the keychain; else, and on
/// Windows always, in a file of your own beside the configuration.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture auth login
  kapture auth login --subdomain acme --cm-id 424242 --with-token < token
  kapture auth login --subdomain acme --cm-id 424242 --user asha --with-password < password

From then on: kapture pull --last 7d -o customers.ndjson")]
pub(crate) struct LoginArgs {
    /// Read the token from standard input
    #[arg(long, conflicts_with_all = ["with_password", "user", "token_file", "sandbox"])]
    pub(crate) with_token: bool,
    /// Read the password of --user from standard input
    #[arg(long, requires = "user", conflicts_with_all = ["token_file", "sandbox"])]
    pub(crate) with_password: bool,
    /// The user name of which, with the password, the token is made
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Keep the token in a file, whether there is a keyring or not
    #[arg(long)]
    pub(crate) keep_in_file: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Say which connection would be used and where each part of it was said, and check it with one request
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kapture auth status
  kapture auth status --sandbox")]
pub(crate) struct AuthStatusArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// Remove the token that auth login keeps; the rest of the profile stays
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kapture auth logout")]
pub(crate) struct LogoutArgs {
    /// The profile; without it the default one
    #[arg(long, value_name = "NAME", add = crate::commands::completions::profiles())]
    pub(crate) profile: Option<String>,
    /// The configuration file, instead of the one in its usual place
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<std::path::PathBuf>,
}
