//! The prompt: a line editor with history and completion.

use std::path::PathBuf;

use midstride_lab::{Error, Event, Flow, Session};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::complete::Helper;
use super::output::Output;

const PROMPT: &str = "midlab> ";

const GREETING: &str = "Type instructions, bytes or commands. `help` explains, Tab completes, Ctrl-D leaves.";

/// Lines of history that are kept.
const HISTORY: usize = 2000;

/// Reads lines and carries them out until the end of input. Errors are shown and forgotten.
pub(crate) fn run(session: &mut Session, output: &Output) -> Result<(), Error> {
    let failed = |error: ReadlineError| Error::File {
        path: PathBuf::from("the terminal"),
        error: std::io::Error::other(error.to_string()),
    };
    let mut editor = editor().map_err(failed)?;
    output.event(&Event::Text(GREETING.to_owned()));
    let history = history_path();
    if let Some(path) = &history {
        // There is none at the first time.
        let _ = editor.load_history(path);
    }
    loop {
        if let Some(helper) = editor.helper_mut() {
            helper.labels = session.labels().map(str::to_owned).collect();
        }
        match editor.readline(PROMPT) {
            Ok(line) => {
                let _ = editor.add_history_entry(line.as_str());
                if carry_out(session, &line, output) == Flow::Quit {
                    break;
                }
            }
            // Ctrl-C throws the line away, Ctrl-D ends the session.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    if let Some(path) = &history {
        save(&mut editor, path);
    }
    Ok(())
}

fn carry_out(session: &mut Session, line: &str, output: &Output) -> Flow {
    // A Ctrl-C that came while nothing ran is over.
    session.interrupt_flag().store(false, std::sync::atomic::Ordering::Relaxed);
    let line = line.replace("\\\n", "\n");
    session.execute(&line, &mut |event| output.event(&event)).unwrap_or_else(|error| {
        output.error(&error);
        Flow::Next
    })
}

fn editor() -> Result<Editor<Helper, FileHistory>, ReadlineError> {
    let config = Config::builder().max_history_size(HISTORY)?.completion_type(CompletionType::List).build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Helper::default()));
    Ok(editor)
}

/// `$XDG_STATE_HOME/midlab/history`, by default below `~/.local/state`.
fn history_path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("midlab").join("history"))
}

/// Keeps the history where there is a place for it; a session does not fail for want of one.
fn save(editor: &mut Editor<Helper, FileHistory>, path: &PathBuf) {
    let made = path.parent().is_some_and(|directory| std::fs::create_dir_all(directory).is_ok());
    if made {
        let _ = editor.save_history(path);
    }
}
