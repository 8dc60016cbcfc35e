//! What the graphic shows.

use proptest::prelude::*;
use roxmltree::Document;

use super::super::{Picture, ServerState};
use super::{CUT, alone, everything};

/// The texts of a graphic, which must be well formed and have everything in view.
fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "svg");
    let number =
        |node: roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let (width, height) = (number(root, "width"), number(root, "height"));
    let boxes = document
        .descendants()
        .filter(|node| node.attribute("class") == Some("box"));
    for node in boxes {
        let (x, y) = (number(node, "x"), number(node, "y"));
        assert!(x >= 0.0 && x + number(node, "width") <= width, "{svg}");
        assert!(y >= 0.0 && y + number(node, "height") <= height, "{svg}");
    }
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")));
    texts
        .map(|node| node.text().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn it_shows_servers_links_troubles_and_clients() {
    let svg = everything().svg();
    let texts = texts(&svg);
    for text in [
        "east",
        "east-3  2.15.1  frozen     120 clients",
        "routes: 0 of 3 well",
        "shop  2.15.1",
        "account SHOP: slow: 10ms to 20ms",
        "account TILL",
        "gateways: 2 of 5 in trouble",
    ] {
        assert!(
            texts.iter().any(|it| it == text),
            "{text:?} is not in {texts:#?}"
        );
    }
    assert_eq!(svg.matches("class=\"arc\"").count(), 3);
    assert_eq!(svg.matches("class=\"leaf trouble\"").count(), 1);
    assert_eq!(svg.matches("class=\"gateway trouble\"").count(), 1);
}

#[test]
fn equal_pictures_give_equal_documents() {
    assert_eq!(everything().svg(), everything().svg());
}

#[test]
fn names_are_escaped() {
    let name = "<&\"'>]]>\u{0}\u{fffe}";
    let mut picture = Picture::default()
        .with(name, 2)
        .with("b", 2)
        .with("leaf", 1)
        .gateways();
    let first = format!("{name}-1");
    picture = picture
        .leaf("leaf", &first, name)
        .trouble("leaf", &first, CUT);
    let texts = texts(&picture.svg());
    let shown = "<&\"'>]]>\u{fffd}\u{fffd}";
    assert!(texts.contains(&shown.to_owned()), "{texts:#?}");
    assert!(
        texts.contains(&format!("account {shown}: cut")),
        "{texts:#?}"
    );
}

#[test]
fn nothing_and_a_thousand_servers_can_be_drawn() {
    assert_eq!(texts(&Picture::default().svg()), ["0 servers"]);
    assert!(texts(&alone(1_000).svg()).len() < 10);
    let many = texts(&Picture::default().with("east", 1_000).svg());
    assert!(
        many.contains(&"1000 servers, east-1 to east-1000  2.15.1".to_owned()),
        "{many:#?}"
    );
}

#[test]
fn clusters_that_are_all_joined_meet_in_one_place() {
    let mut picture = Picture::default();
    for name in ["a", "b", "c", "d", "e"] {
        picture = picture.with(name, 2);
    }
    let svg = picture.gateways().trouble("a-1", "e-1", CUT).svg();
    assert_eq!(
        texts(&svg)
            .iter()
            .filter(|text| *text == "gateways")
            .count(),
        1
    );
    assert_eq!(svg.matches("class=\"gateway\"").count(), 5);
    assert_eq!(svg.matches("class=\"gateway trouble\"").count(), 1);
}

fn any_picture() -> impl Strategy<Value = Picture> {
    let clusters = prop::collection::vec(1..5_usize, 1..30);
    let links = prop::collection::vec(
        (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        0..60,
    );
    (clusters, links.clone(), links, any::<bool>()).prop_map(|(clusters, leafs, cuts, joined)| {
        let mut picture = Picture::default();
        for (number, servers) in clusters.into_iter().enumerate() {
            picture = picture.with(&format!("c{number}"), servers);
        }
        if joined {
            picture = picture.gateways();
        }
        let names: Vec<String> = picture
            .servers()
            .map(|server| server.name.clone())
            .collect();
        for (from, to) in leafs {
            picture = picture.leaf(from.get::<String>(&names), to.get::<String>(&names), "A");
        }
        for (from, to) in cuts {
            let (from, to) = (from.get::<String>(&names), to.get::<String>(&names));
            if from != to {
                picture = picture.trouble(from, to, CUT);
            }
        }
        picture.change(&names[0], |server| server.state = ServerState::Stopped)
    })
}

/// Few unless more are asked for: drawings take their time without optimisations.
fn cases() -> ProptestConfig {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig {
            cases: 24,
            ..config
        },
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_picture_can_be_drawn(picture in any_picture()) {
        let svg = picture.svg();
        texts(&svg);
        prop_assert_eq!(svg, picture.svg());
    }
}
