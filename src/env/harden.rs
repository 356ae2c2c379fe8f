//! What the system allows this process: no core dumps, no ptrace by the same user, from the first line of
//! `main`; and as many open files as many tenants need.

/// Core size limit 0 and, on Linux, not dumpable (which also shuts `/proc/PID/mem` to others of
/// the same user). Failure is reported by `doctor`, never fatal.
pub fn no_core_dumps() -> bool {
    let limit = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let limited = rustix::process::setrlimit(rustix::process::Resource::Core, limit).is_ok();
    #[cfg(target_os = "linux")]
    let hidden =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).is_ok();
    #[cfg(not(target_os = "linux"))]
    let hidden = true;
    limited && hidden
}

/// Whether core dumps are off now, as [`no_core_dumps`] left them.
pub fn core_dumps_are_off() -> bool {
    let limited = rustix::process::getrlimit(rustix::process::Resource::Core).current == Some(0);
    #[cfg(target_os = "linux")]
    let hidden = rustix::process::dumpable_behavior()
        .is_ok_and(|b| b == rustix::process::DumpableBehavior::NotDumpable);
    #[cfg(not(target_os = "linux"))]
    let hidden = true;
    limited && hidden
}

/// Raises the limit of open files as far as this user may; how many that is now, `None` if there is no limit.
pub fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}
