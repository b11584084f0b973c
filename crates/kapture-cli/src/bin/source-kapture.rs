//! `source-kapture`: runs `kapture airbyte`.

mod launcher;

fn main() -> std::process::ExitCode {
    launcher::run("airbyte")
}
