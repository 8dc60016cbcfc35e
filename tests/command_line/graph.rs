//! `nats-mock graph`.

use crate::process::{run, stderr, stdout};
use crate::{directory, path};

#[test]
fn graph_shows_what_files_describe_and_what_leads_nowhere() {
    let directory = directory();
    let mut arguments = vec!["graph".to_owned()];
    for number in 1..=2 {
        let file = path(&directory, &format!("n{number}.conf"));
        let text = format!(
            "server_name: n{number}, listen: \"0.0.0.0:422{number}\"
             cluster {{ name: east, listen: \"127.0.0.1:622{number}\"
                 routes: [ nats://127.0.0.1:6221, nats://127.0.0.1:6222, nats://127.0.0.1:6223 ] }}"
        );
        std::fs::write(&file, text).unwrap();
        arguments.extend(["-c".to_owned(), file]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&arguments);
    assert!(output.status.success());
    let picture = "\
2 servers

east
  ● n1  2.15.1
  ● n2  2.15.1
  routes: 1 up
";
    assert_eq!(stdout(&output), picture);
    let lost = |name| {
        format!(
            "nats-mock graph: \"nats://127.0.0.1:6223\" in \"cluster\" of {name} leads to no server that is described\n"
        )
    };
    assert_eq!(stderr(&output), lost("n1") + &lost("n2"));

    let svg = path(&directory, "picture.svg");
    let output = run(&[&arguments[..], &["--svg", &svg]].concat());
    if cfg!(feature = "svg") {
        assert!(output.status.success(), "{}", stderr(&output));
        let text = std::fs::read_to_string(&svg).unwrap();
        roxmltree::Document::parse(&text).unwrap();
    } else {
        assert!(!output.status.success());
        assert_eq!(
            stderr(&output),
            "nats-mock graph: this program was built without the feature svg\n"
        );
    }
}

#[test]
fn graph_needs_files_that_can_be_read() {
    let none = run(&["graph"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        stderr(&none)
            .starts_with("nats-mock graph: no configuration file is given; -c names one\n")
    );
    let missing = run(&["graph", "-c", "missing.conf"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        stderr(&missing).contains("missing.conf"),
        "{}",
        stderr(&missing)
    );
    assert!(stdout(&run(&["graph", "--help"])).starts_with("Usage: nats-mock graph "));

    let directory = directory();
    let (good, bad) = (path(&directory, "good.conf"), path(&directory, "bad.conf"));
    std::fs::write(&good, "server_name: n1").unwrap();
    let without_system_account = "gateway { name: a, port: 7222 }, leafnodes { port: 7422 }";
    std::fs::write(&bad, without_system_account).unwrap();
    let refused = run(&["graph", "-c", &good, "-c", &bad]);
    assert!(
        stderr(&refused).starts_with(&format!("nats-mock graph: {bad}: ")),
        "{}",
        stderr(&refused)
    );
}
