//! The model as one JSON document, for programs.

use super::Model;

/// Pretty-printed, with a line feed at the end.
pub fn document(model: &Model) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(model)?;
    text.push('\n');
    Ok(super::harmless(text))
}

/// What is said of a tampered log: the judgement and nothing of what the log says.
pub fn refusal(refusal: &super::Refusal) -> String {
    let super::Refusal { report, key } = refusal;
    let object = serde_json::json!({ "tampered": true, "key": key.to_string(), "findings": report.findings });
    super::harmless(format!("{object:#}\n"))
}
