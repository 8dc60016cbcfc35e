//! What has to do with nkeys and JWTs, with the feature for them and without.

use nats_mock_protocol::conf::{self, MemorySource};

#[cfg(not(feature = "jwt"))]
use super::ProblemKind;
use super::ServerOptions;

fn read(text: &str) -> Result<ServerOptions, super::super::OptionsError> {
    let document = conf::parse(text, "c.conf", &MemorySource::new()).unwrap();
    ServerOptions::from_conf(&document).map(|(options, _)| options)
}

#[cfg(not(feature = "jwt"))]
#[test]
fn without_the_feature_they_are_refused_with_its_name() {
    for (key, text) in [
        ("operator", "operator: x"),
        ("resolver", "resolver: MEMORY"),
        ("resolver_preload", "resolver_preload {}"),
        ("trusted_keys", "trusted_keys: x"),
        ("nkey", "authorization {users [{nkey: UX}]}"),
        ("nkey", "accounts {A {nkey: AX}}"),
    ] {
        let error = read(text).unwrap_err();
        let needs = |kind: &ProblemKind| matches!(kind, ProblemKind::NeedsFeature { key: it, feature: "jwt" } if it == key);
        assert!(
            error.problems.iter().any(|it| needs(&it.kind)),
            "{text}: {error}"
        );
    }
}

#[cfg(feature = "jwt")]
fn key_of_alice() -> String {
    let account = crate::MockOperator::new("acme").account("A");
    account.user("alice").public_key()
}

#[cfg(feature = "jwt")]
#[test]
fn an_nkey_needs_no_name() {
    let user = key_of_alice();
    let said = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(
        said(&format!(
            "authorization {{users [{{nkey: {user}, user: joe}}]}}"
        )),
        "c.conf:1:87: Nkey users do not take usernames or passwords\n"
    );
    let text = format!("authorization {{users [{{nkey: {user}}}]}}");
    let options = read(&text).unwrap();
    assert_eq!(options.authorization.unwrap().users[0].id(), user);
}

#[cfg(feature = "jwt")]
#[test]
fn leaf_nodes_have_one_nkey_or_users() {
    let user = key_of_alice();
    let said = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(
        said("leafnodes {authorization {nkey: x}}"),
        "c.conf:1:26: Not a valid public nkey for leafnode authorization\n"
    );
    assert_eq!(
        said(&format!(
            "leafnodes {{port: 7422, authorization {{nkey: {user}, users: [{{user: a}}]}}}}"
        )),
        "c.conf:1:23: can not have a single nkey and a users array\n"
    );
    let text = format!("leafnodes {{authorization {{nkey: {user}, account: A}}}}");
    let leafnodes = read(&text).unwrap().leafnodes.unwrap();
    assert_eq!(leafnodes.authorization.unwrap().nkey, Some(user));
}

#[cfg(feature = "jwt")]
#[test]
fn operators_need_a_resolver_and_bear_no_accounts() {
    let operator = crate::MockOperator::new("acme").jwt();
    let start = |more: &str| {
        let text = format!("operator: {operator}\n{more}");
        read(&text)
            .unwrap()
            .validate()
            .map_err(|error| error.to_string())
    };
    // The only operator may say where. This one does not, which a server finds out when it asks there.
    assert_eq!(start(""), Ok(()));
    let nowhere =
        "could not fetch <\"/accounts/\">: Get \"/accounts/\": unsupported protocol scheme \"\"";
    let builder = crate::Builder::from_conf_str(&format!("operator: {operator}"));
    let error = builder.unwrap().start_blocking().unwrap_err();
    assert_eq!(error.to_string(), nowhere);
    let encrypted = "a resolver with a URL of https takes the feature `tls` of nats-mock";
    let expected = match cfg!(feature = "tls") {
        true => Ok(()),
        false => Err(encrypted.to_owned()),
    };
    assert_eq!(
        start("resolver: URL(https://localhost/jwt/v1/accounts)"),
        expected
    );
    let missing = "operators require an account resolver to be configured";
    let two = format!("operator: [{operator}, {operator}]");
    let read = read(&two).unwrap().validate();
    assert_eq!(read.unwrap_err().to_string(), missing);
    let accounts = "operators do not allow Accounts to be configured directly";
    assert_eq!(
        start("resolver: MEMORY\naccounts {A {}}"),
        Err(accounts.to_owned())
    );
}
