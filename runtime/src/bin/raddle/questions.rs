//! `ps` and `pstree`: one question, one answer.

use crate::clean::clean;

/// The tasks of a process, as text or as JSON.
pub(crate) fn list(process: u32, question: &str, json: bool) -> Result<String, String> {
    let answers =
        raddle::ask(process, if json { "json" } else { question }).map_err(|error| format!("raddle: {error}\n"))?;
    Ok(if json { array(&answers) } else { clean(&answers.join("\n")) })
}

/// Answers in JSON, as one.
pub(crate) fn array(answers: &[String]) -> String {
    let answers: Vec<&str> = answers.iter().map(|answer| answer.trim_end()).collect();
    format!("[{}]\n", answers.join(",\n"))
}
