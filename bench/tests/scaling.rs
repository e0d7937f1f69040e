//! The command `scaling` as a whole, with few rounds.

use std::process::Command;

use serde_json::Value;

/// How flat it is says nothing here: the machine is busy, and the build is none for speed.
#[test]
fn tasks_are_measured_at_each_size_and_judged() {
    let folder = std::env::temp_dir().join(format!("raddle-scaling-test.{}", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_raddle-bench"))
        .args(["scaling", "--only", "tasks", "--quick", "--rounds", "1", "--json", "--svg"])
        .arg(&folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture = std::fs::read_to_string(folder.join("scaling_tasks.svg")).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert!(picture.contains("100,000"), "{picture}");

    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tasks = &found["tasks"];
    let word = if tasks["flat"].as_bool().unwrap() { "flat: " } else { "not flat: " };
    assert!(tasks["sentence"].as_str().unwrap().starts_with(word), "{tasks}");
    assert_eq!(tasks["skipped"], Value::Array(Vec::new()));
    let curves = tasks["curves"].as_array().unwrap();
    let sides: Vec<_> = curves.iter().map(|curve| curve["side"].as_str().unwrap()).collect();
    assert_eq!(sides, ["raddle", "tokio", "bare"]);
    for points in curves.iter().map(|curve| curve["points"].as_array().unwrap()) {
        let sizes: Vec<_> = points.iter().map(|point| point["at"].as_u64().unwrap()).collect();
        assert_eq!(sizes, [1_000, 10_000, 100_000]);
        assert!(points.iter().all(|point| point["median"].as_f64().unwrap() > 0.0), "{points:?}");
    }
}
