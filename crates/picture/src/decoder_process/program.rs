use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::ARGUMENT;

/// A program that can decode as a child.
#[derive(Clone, Debug)]
pub(super) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    pub(super) fn at(path: PathBuf) -> Program {
        Program {
            path,
            arguments: vec![ARGUMENT.into()],
        }
    }

    /// The running program. On Linux, its name stays right when the file is replaced or removed.
    pub(super) fn running() -> Program {
        let own = Path::new("/proc/self/exe");
        let path = if cfg!(target_os = "linux") && own.exists() {
            own.to_owned()
        } else {
            env::current_exe().unwrap_or_default()
        };
        Program::at(path)
    }

    /// Another program, for tests.
    #[cfg(test)]
    pub(super) fn with_arguments(path: &str, arguments: &[&str]) -> Program {
        Program {
            path: path.into(),
            arguments: arguments.iter().map(Into::into).collect(),
        }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        in_own_group(&mut command);
        command
    }
}

/// Keeps Ctrl-C from the child.
#[cfg(unix)]
fn in_own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(windows)]
fn in_own_group(command: &mut Command) {
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    std::os::windows::process::CommandExt::creation_flags(command, CREATE_NO_WINDOW);
}

#[cfg(not(any(unix, windows)))]
fn in_own_group(_command: &mut Command) {}
