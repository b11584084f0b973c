//! This process's memory, which holds the token, is nobody else's to keep.

/// A crash, or a signal such as that of Ctrl-\, leaves no image of it: neither a core file nor, on
/// Linux, what a crash reporter would collect, which does not ask for the limit. The commands that
/// are started from here are as free as ever.
#[cfg(unix)]
pub(crate) fn keep_private() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Core);
    limit.current = Some(0);
    // Where that is not granted, there is nothing more that could be done.
    let _ = setrlimit(Resource::Core, limit);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(not(unix))]
pub(crate) fn keep_private() {}
