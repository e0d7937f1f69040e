//! What `servers` and `http` are told.

use super::rows::{self, Row};
use crate::args::{Form, count, value};

/// Which rows, and how they are measured.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Servers {
    /// Beginnings of rows' names; none: all rows.
    wanted: Vec<String>,
    /// Instead of the table's rows: the HTTP server with so many connections.
    http: Option<usize>,
    /// How long each measurement lasts, roughly where the client counts requests.
    pub(crate) seconds: usize,
    pub(crate) pairs: usize,
    pub(crate) syscalls: bool,
    pub(crate) build: bool,
    pub(crate) form: Form,
    pub(crate) list: bool,
}

impl Servers {
    fn new() -> Servers {
        Servers {
            wanted: Vec::new(),
            http: None,
            seconds: 1,
            pairs: 15,
            syscalls: false,
            build: true,
            form: Form::Table,
            list: false,
        }
    }

    /// The rows that are wanted, in the table's order.
    pub(crate) fn rows(&self) -> Result<Vec<Row>, String> {
        if let Some(connections) = self.http {
            return Ok(vec![rows::http(connections)]);
        }
        let rows = rows::all();
        if let Some(unknown) = self.wanted.iter().find(|want| !rows.iter().any(|row| row.name.starts_with(*want))) {
            return Err(format!("no row is called `{unknown}`; `servers --list` tells the names"));
        }
        let is_wanted = |row: &Row| self.wanted.is_empty() || self.wanted.iter().any(|want| row.name.starts_with(want));
        Ok(rows.into_iter().filter(is_wanted).collect())
    }

    /// Takes an option that `servers` and `http` have in common; false if it is none.
    fn take(&mut self, option: &str, args: &mut impl Iterator<Item = String>) -> Result<bool, String> {
        match option {
            "--seconds" => self.seconds = count(option, args)?,
            "--pairs" => self.pairs = count(option, args)?,
            "--syscalls" => self.syscalls = true,
            "--no-build" => self.build = false,
            "--json" => self.form = Form::Json,
            "--markdown" => self.form = Form::Markdown,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

pub(crate) fn parse(args: &mut impl Iterator<Item = String>) -> Result<Servers, String> {
    let mut options = Servers::new();
    while let Some(option) = args.next() {
        match option.as_str() {
            "--rows" => options.wanted.extend(value(&option, args)?.split(',').map(str::to_string)),
            "--list" => options.list = true,
            other if options.take(other, args)? => {}
            other => return Err(format!("unknown option `{other}` of servers")),
        }
    }
    Ok(options)
}

pub(crate) fn parse_http(args: &mut impl Iterator<Item = String>) -> Result<Servers, String> {
    let mut options = Servers { http: Some(64), ..Servers::new() };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--connections" => options.http = Some(count(&option, args)?),
            other if options.take(other, args)? => {}
            other => return Err(format!("unknown option `{other}` of http")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(line: &str) -> Result<Vec<String>, String> {
        let options = parse(&mut line.split_whitespace().map(str::to_string))?;
        Ok(options.rows()?.into_iter().map(|row| row.name).collect())
    }

    #[test]
    fn rows_are_chosen_by_the_beginning_of_their_names() {
        assert_eq!(rows("--rows echo,resp_c1"), Ok(vec!["resp_c1".into(), "echo_1".into(), "echo_64".into()]));
        assert_eq!(rows("").unwrap().len(), rows::all().len());
        assert!(rows("--rows nothing").unwrap_err().contains("`nothing`"));
    }

    #[test]
    fn http_is_a_row_of_its_own() {
        let options = parse_http(&mut ["--connections", "8", "--pairs", "2"].map(str::to_string).into_iter()).unwrap();
        assert_eq!((options.rows().unwrap()[0].name.as_str(), options.pairs), ("http_c8", 2));
    }
}
