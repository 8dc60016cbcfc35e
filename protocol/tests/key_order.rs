//! Laws of writing keys in a given order.

use nats_mock_protocol::json::{KeyOrder, to_string, to_vec, to_vec_ordered};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Few keys, so that orders meet them; some are escaped when written.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d", "<&>", "\"", "é\u{2028}"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[\\[\\]{},:\"\\\\<a é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    // Go writes 1.0 as 1, which reads back as an integer.
    .prop_map(|value| serde_json::from_slice(&to_vec(&value)).expect("JSON"))
}

/// The objects at `path`, lists on the way passed through.
fn objects_at<'v>(value: &'v Value, path: &[String], found: &mut Vec<&'v Map<String, Value>>) {
    match (value, path) {
        (Value::Array(elements), _) => elements
            .iter()
            .for_each(|element| objects_at(element, path, found)),
        (Value::Object(object), []) => found.push(object),
        (Value::Object(object), [first, rest @ ..]) => {
            if let Some(member) = object.get(first) {
                objects_at(member, rest, found);
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn the_named_objects_alone_change_and_only_in_order(
        value in value(),
        path in vec(key(), 0..3),
        keys in proptest::sample::subsequence(vec!["d", "<&>", "b", "\"", "a", "z"], 0..6),
    ) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let order = KeyOrder { path: &names, keys: &keys };
        let written = to_vec_ordered(&value, &[order]);
        let read: Value = serde_json::from_slice(&written).expect("JSON");

        // The same value, and the same bytes but for their order.
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(&to_vec(&read), &written);
        let mut before = to_vec(&value);
        let mut after = written.clone();
        before.sort_unstable();
        after.sort_unstable();
        prop_assert_eq!(before, after);
        prop_assert_eq!(&to_vec_ordered(&read, &[order]), &written);

        let (mut old, mut new) = (vec![], vec![]);
        objects_at(&value, &path, &mut old);
        objects_at(&read, &path, &mut new);
        prop_assert_eq!(old.len(), new.len());
        for (old, new) in old.into_iter().zip(new) {
            let listed = |key: &&str| keys.contains(key);
            let place = old.keys().position(|key| listed(&key.as_str())).unwrap_or(0);
            let old: Vec<&str> = old.keys().map(String::as_str).collect();
            let mut expected: Vec<&str> = old[..place].to_vec();
            expected.extend(keys.iter().filter(|key| old.contains(*key)));
            expected.extend(old[place..].iter().filter(|key| !listed(key)));
            prop_assert_eq!(new.keys().map(String::as_str).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn without_an_order_nothing_changes(value in value(), path in vec(key(), 0..3)) {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        prop_assert_eq!(to_vec_ordered(&value, &[]), to_vec(&value));
        prop_assert_eq!(to_vec_ordered(&value, &[KeyOrder { path: &names, keys: &[] }]), to_vec(&value));
    }
}

#[test]
fn several_orders_hold_at_once() {
    let value = json!({"data": {"x": 1, "y": [{"p": "<", "q": 1.0}, {"q": 2, "r": [], "p": {}}], "z": 1e-7}});
    let orders = [
        KeyOrder {
            path: &["data"],
            keys: &["y", "x"],
        },
        KeyOrder {
            path: &["data", "y"],
            keys: &["r", "q", "p"],
        },
    ];
    assert_eq!(
        String::from_utf8(to_vec_ordered(&value, &orders)).expect("text"),
        r#"{"data":{"y":[{"q":1,"p":"\u003c"},{"r":[],"q":2,"p":{}}],"x":1,"z":1e-7}}"#
    );
    assert_ne!(
        to_vec_ordered(&value, &orders),
        to_string(&value).into_bytes()
    );
}
