//! The account that this process runs as.
//!
//! On Linux it is looked up in `/etc/passwd` alone. The name service of glibc loads modules of the system, which
//! a program that is linked statically cannot do safely: that of systemd ends it by a signal.

use std::env;
use std::path::PathBuf;

/// The home folder: `HOME`, or that of the account. `None` for an account without one.
pub fn home_dir() -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    let found = match env::var_os("HOME").filter(|home| !home.is_empty()) {
        Some(home) => Some(home.into()),
        None => own_entry().map(|(_, home)| home.into()),
    };
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::disallowed_methods)]
    let found = env::home_dir();
    found.filter(|home: &PathBuf| !home.as_os_str().is_empty())
}

/// The name of the account. One that is in another directory than `/etc/passwd` is named by `USER`.
#[cfg(feature = "postgres")]
pub(crate) fn user_name() -> Option<String> {
    #[cfg(target_os = "linux")]
    let found = match own_entry() {
        Some((name, _)) => Some(name),
        None => env::var("USER").ok().filter(|name| !name.is_empty()),
    };
    #[cfg(not(target_os = "linux"))]
    let found = whoami::username().ok();
    found
}

/// The name and the home folder in `/etc/passwd`.
#[cfg(target_os = "linux")]
fn own_entry() -> Option<(String, String)> {
    let bytes = std::fs::read("/etc/passwd").ok()?;
    let uid = rustix::process::geteuid().as_raw();
    entry(&String::from_utf8_lossy(&bytes), uid)
}

#[cfg(target_os = "linux")]
fn entry(passwd: &str, uid: u32) -> Option<(String, String)> {
    passwd.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, number, _, _, home, _] = fields[..] else {
            return None;
        };
        (number.parse() == Ok(uid)).then(|| (name.to_owned(), home.to_owned()))
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn entry_is_that_of_the_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n# no entry\n+@staff\n\
                      asha:x:1000:100:Asha,,,:/u/asha:/bin/sh\nlast:x:1001:100::/u/last:";
        let of = |uid| entry(passwd, uid);
        let expected = |name: &str, home: &str| Some((name.to_owned(), home.to_owned()));
        assert_eq!(of(0), expected("root", "/root"));
        assert_eq!(of(1000), expected("asha", "/u/asha"));
        assert_eq!(of(1001), expected("last", "/u/last"));
        assert_eq!(of(65_123), None);
    }
}
