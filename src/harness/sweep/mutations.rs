//! Every change of a single field.

use serde_json::{Map, Value, json};

use crate::harness::incidents::fault::Change;
use crate::harness::programmed::Pattern;
use crate::incidents::Fault;

/// Every change of a single field of what is like the sample.
pub(super) fn of(what: &Pattern, sample: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    fields(sample, "", &mut |pointer, value| {
        let remove = Change::Remove(pointer.to_owned());
        faults.push(Fault::said(what.clone(), remove));
        for other in others(value) {
            let set = Change::Set(pointer.to_owned(), other);
            faults.push(Fault::said(what.clone(), set));
        }
    });
    faults
}

/// Looks at every field, outer before inner ones. Of a list it is the first item.
pub(super) fn fields(json: &Value, pointer: &str, look: &mut impl FnMut(&str, &Value)) {
    let mut inner = |name: &str, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{pointer}/{name}");
        look(&pointer, value);
        fields(value, &pointer, look);
    };
    match json {
        Value::Object(members) => members.iter().for_each(|(name, value)| inner(name, value)),
        Value::Array(items) => items.iter().take(1).for_each(|item| inner("0", item)),
        _ => {}
    }
}

/// What could stand in a value's place: null, something empty, something of another type, something
/// extreme.
pub(super) fn others(value: &Value) -> Vec<Value> {
    const LONG: usize = 300;
    let others = match value {
        Value::Null => vec![json!(""), json!({})],
        Value::Bool(value) => vec![Value::Null, json!(!value), json!("yes")],
        Value::Number(_) => vec![
            Value::Null,
            json!(0),
            json!("7"),
            json!(-1),
            json!(i64::MAX),
            json!(1e300),
        ],
        Value::String(_) => vec![Value::Null, json!(""), json!(7), json!("x".repeat(LONG))],
        Value::Array(_) => vec![Value::Null, json!([]), json!({})],
        Value::Object(_) => vec![Value::Null, Value::Object(Map::new()), json!([])],
    };
    others.into_iter().filter(|other| other != value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_changed_in_every_way() {
        let sample = json!({"a/b": {"n": 5}, "list": [{"s": "t"}, {"s": "u"}]});
        let what = Pattern::AnyReply;
        let texts: Vec<_> = of(&what, &sample).iter().map(Fault::to_string).collect();
        let of_n: Vec<_> = texts.iter().filter(|it| it.contains("/a~1b/n")).collect();
        assert_eq!(
            of_n,
            [
                "any answer: remove /a~1b/n",
                "any answer: set /a~1b/n null",
                "any answer: set /a~1b/n 0",
                "any answer: set /a~1b/n \"7\"",
                "any answer: set /a~1b/n -1",
                "any answer: set /a~1b/n 9223372036854775807",
                "any answer: set /a~1b/n 1e+300",
            ]
        );
        assert!(texts.contains(&"any answer: remove /list/0/s".to_owned()));
        assert!(!texts.iter().any(|it| it.contains("/list/1")));
    }
}
