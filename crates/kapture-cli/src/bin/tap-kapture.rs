//! `tap-kapture`: runs `kapture singer`.

mod launcher;

fn main() -> std::process::ExitCode {
    launcher::run("singer")
}
