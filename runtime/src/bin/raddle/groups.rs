//! The groups of tasks, in the order and the selection that was asked for.

use crate::snapshot::Group;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    Tasks,
    Wait,
    Name,
    Line,
}

impl Sort {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Sort::Tasks => "count",
            Sort::Wait => "longest wait",
            Sort::Name => "name",
            Sort::Line => "line",
        }
    }
}

/// Those that the filter lets through, in order.
pub(crate) fn chosen<'a>(groups: &'a [Group], sort: Sort, is_reversed: bool, filter: &str) -> Vec<&'a Group> {
    let mut chosen: Vec<&Group> = groups.iter().filter(|group| matches(group, filter)).collect();
    chosen.sort_by(|one, other| {
        let order = match sort {
            Sort::Tasks => other.tasks.cmp(&one.tasks),
            Sort::Wait => other.longest().total_cmp(&one.longest()),
            Sort::Name => one.title().cmp(other.title()),
            Sort::Line => one.spawned_at.cmp(&other.spawned_at),
        };
        if is_reversed { order.reverse() } else { order }
    });
    chosen
}

fn matches(group: &Group, filter: &str) -> bool {
    let has = |text: &str| holds(text, filter);
    has(group.title())
        || has(&group.future)
        || has(&group.spawned_at)
        || group.waits.iter().any(|wait| has(&wait.op) || wait.at.as_deref().is_some_and(has))
}

/// Whether a text has another in it, whatever the case.
pub(crate) fn holds(text: &str, part: &str) -> bool {
    part.is_empty() || text.to_lowercase().contains(&part.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Wait;

    fn group(name: &str, tasks: u64, seconds: f64) -> Group {
        let wait = Wait { op: "sleep".into(), seconds, tasks, at: Some("src/pump.rs:3:1".into()) };
        Group {
            name: Some(name.into()),
            spawned_at: format!("src/{name}.rs:1:1"),
            tasks,
            waits: vec![wait],
            ..Group::default()
        }
    }

    #[test]
    fn groups_come_in_the_order_asked_for_and_the_filter_looks_everywhere() {
        let groups = [group("b", 5, 1.0), group("a", 7, 0.5), group("C", 1, 9.0)];
        let names = |sort, is_reversed, filter| -> Vec<&str> {
            chosen(&groups, sort, is_reversed, filter).iter().map(|group| group.title()).collect()
        };
        assert_eq!(names(Sort::Tasks, false, ""), ["a", "b", "C"]);
        assert_eq!(names(Sort::Tasks, true, ""), ["C", "b", "a"]);
        assert_eq!(names(Sort::Wait, false, ""), ["C", "b", "a"]);
        assert_eq!(names(Sort::Line, false, ""), ["C", "a", "b"]);
        assert_eq!(names(Sort::Name, false, "c.RS"), ["C"]);
        assert_eq!(names(Sort::Name, false, "SLEEP").len(), 3);
        assert_eq!(names(Sort::Name, false, "pump.rs:3").len(), 3);
        assert!(names(Sort::Name, false, "nowhere").is_empty());
    }
}
