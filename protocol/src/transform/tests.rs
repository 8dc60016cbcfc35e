//! What transforms make of subjects, as a real server does.

use super::{Functions, Transform, check_mapping, number_wildcards, wildcards_of};
use proptest::prelude::*;

fn applied(source: &str, destination: &str, subject: &str) -> String {
    let transform = Transform::new(source, destination, Functions::All).unwrap();
    String::from_utf8(transform.apply(subject.as_bytes(), &mut || 12)).unwrap()
}

#[test]
fn functions_do_what_the_server_does() {
    for (source, destination, subject, becomes) in [
        ("foo", "bar", "foo", "bar"),
        ("foo.*", "bar.$1", "foo.x", "bar.x"),
        ("foo.*.*", "bar.$2.$1", "foo.x.y", "bar.y.x"),
        ("foo.>", "bar.>", "foo.x.y", "bar.x.y"),
        ("foo.*.>", "$1.baz.>", "foo.x.y.z", "x.baz.y.z"),
        ("*", "a.{{splitfromleft(1,3)}}", "abcdef", "a.abc.def"),
        ("*", "a.{{SplitFromRight(1,2)}}", "abcdef", "a.abcd.ef"),
        (
            "*",
            "a.{{slicefromleft(1,4)}}",
            "abcdefghij",
            "a.abcd.efgh.ij",
        ),
        (
            "*",
            "a.{{ slicefromright( 1, 4 ) }}",
            "abcdefghij",
            "a.ab.cdef.ghij",
        ),
        ("*", "a.{{left(1,2)}}.{{right(1,2)}}", "abcdef", "a.ab.ef"),
        ("*", "{{split(1,-)}}", "-abc--def-", "abc.def"),
        ("*", "{{split(1,-)}}", "a-b", "a.b"),
        ("foo", "bar.{{random(5)}}", "foo", "bar.2"),
        ("*", "x.{{left(1,9)}}", "ab", "x.ab"),
    ] {
        assert_eq!(
            applied(source, destination, subject),
            becomes,
            "{destination}"
        );
    }
}

#[test]
fn wildcards_are_numbered_and_back() {
    assert_eq!(number_wildcards("a.*.b.*"), "a.$1.b.$2");
    assert_eq!(wildcards_of("a.{{wildcard(2)}}.$1.$x"), "a.*.*.$x");
}

#[test]
fn old_servers_have_fewer_functions() {
    for destination in ["{{random(5)}}", "{{partition(5)}}"] {
        assert!(check_mapping("*", destination, Functions::Old).is_err());
        check_mapping("*", destination, Functions::All).unwrap();
    }
}

proptest! {
    #[test]
    fn nothing_panics(
        source in "[a*>.$1{}(), ]{0,12}",
        destination in "([a.*>$1]|\\{\\{(left|split|partition|wildcard|random)\\([0-9,a-]{0,4}\\)\\}\\}){0,5}",
        subject in "[a-c.é]{0,12}",
    ) {
        let _ = check_mapping(&source, &destination, Functions::Old);
        if let Ok(transform) = Transform::new(&source, &destination, Functions::All) {
            let _ = transform.apply(subject.as_bytes(), &mut || 7);
            let _ = transform.reversed();
        }
    }

    /// What can be undone is.
    #[test]
    fn reversed_undoes(tokens in proptest::collection::vec("[a-z]{1,3}", 3), swap in any::<bool>()) {
        let destination = if swap { "to.$2.$1.>" } else { "{{wildcard(1)}}.to.$2.>" };
        let there = Transform::reversible("from.*.*.>", destination, Functions::All).unwrap();
        let subject = format!("from.{}", tokens.join("."));
        let moved = there.apply(subject.as_bytes(), &mut || 0);
        let back = there.reversed().unwrap().apply(&moved, &mut || 0);
        prop_assert_eq!(back, subject.as_bytes());
    }
}
