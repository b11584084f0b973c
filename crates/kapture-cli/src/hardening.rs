//! Protection of this process's memory, which holds the token.

/// Disables core dumps, and on Linux also crash reporters, which ignore the limit for core files.
/// Commands that are started from here are not affected.
#[cfg(unix)]
pub(crate) fn disable_core_dumps() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Core);
    limit.current = Some(0);
    // If the system refuses, there is no other way.
    let _ = setrlimit(Resource::Core, limit);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(not(unix))]
pub(crate) fn disable_core_dumps() {}
