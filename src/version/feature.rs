//! What came with a release line and stayed.

use super::Version;

/// Writes down each feature once: its name, the first line that has it, and what it is in the words
/// of `docs/versions.md`.
macro_rules! features {
    ($($name:ident since $since:ident: $what:literal,)+) => {
        /// Something that all lines from one on do, and none before.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(
            not(all(feature = "tls", feature = "websocket")),
            allow(dead_code, reason = "some are about what is not compiled then")
        )]
        pub(crate) enum Feature {
            $($name,)+
        }

        impl Feature {
            #[cfg(test)]
            pub const ALL: &[Feature] = &[$(Feature::$name,)+];

            /// The first line that has it.
            pub const fn since(self) -> Version {
                match self {
                    $(Feature::$name => Version::$since,)+
                }
            }

            #[cfg(test)]
            pub const fn what(self) -> &'static str {
                match self {
                    $(Feature::$name => $what,)+
                }
            }
        }
    };
}

features! {
    // Connections.
    InfoAfterFirstPing since V2_12: "a second INFO with `connect_info` follows the first PING's answer",
    NoRespondersNamesSubject since V2_12: "the 503 of a request that nobody answers carries `Nats-Subject`",
    ReconnectDropsSubscriptions since V2_12: "a second CONNECT drops the subscriptions made so far",
    QueueOfRemovedSubscription since V2_14: "the text about a queue subscription that a reload removes names the queue",
    // Configuration.
    BlanksInNamesRefused since V2_11: "the name of a server, cluster or gateway with a blank is refused",
    AuthTimeoutDurations since V2_11: "`timeout` of an `authorization` block may be a duration, and is warned of when it is long",
    ClusterMigrateDelay since V2_11: "`jetstream_cluster_migrate` of a leaf node's remote is a boolean or a map, not anything",
    SemanticVersions since V2_11: "`min_version` of leaf nodes has to be a semantic version, not only to begin like one",
    OnlyIpv6InBrackets since V2_11: "brackets in the host of a URL hold an IPv6 address, not anything",
    StrictColonsInHttpUrls since V2_14: "a second colon in the host of an `http` URL is refused",
    QueuesOnlyToSubscribe since V2_14: "a queue is refused in permissions to publish and in those of links, and everywhere if it is no subject",
    ServicesOfSeveralAccounts since V2_11: "an account may import services of several accounts under one subject",
    MoreMappingFunctions since V2_12: "mappings know `random`, and `partition` without wildcards",
    UniqueLeafRemotes since V2_14: "a leaf node's remote that is configured twice is refused",
    StrictFrames since V2_12: "over WebSocket, frames with reserved bits, deflated ones that were not agreed on, and close codes that nobody may send are refused",
    StrictUpgrades since V2_12: "over WebSocket, the key has to have 16 bytes, the same origin has the same scheme, and several origins of one host may be allowed",
    FaultsOverWebsocketUntold since V2_12: "over WebSocket, who breaks the client protocol is not told, and is closed as by a read error",
    NoMqttPath since V2_14: "over WebSocket, `/mqtt` is not found where there is no MQTT",
    AbsoluteOrigins since V2_12: "`allowed_origins` of `websocket` have to be URLs of `http` or `https` with a host",
    ReservedClusterName since V2_15: "`_` is refused as the name of a cluster or gateway",
    ConnectBackoff since V2_12: "gateways have `connect_backoff`, which a refused reload shows",
    LeafOptionsNamed since V2_14: "a reload takes other remotes of a leaf node, and names what it refuses to change of leaf nodes",
    HandshakeFailureAlert since V2_11: "the alert about a missing certificate, before TLS 1.3, is `handshake_failure`, not `bad_certificate`",
    SixBytesToChooseTls since V2_12: "with `allow_non_tls`, a client has to send six bytes, not four, before it is known whether it wants TLS",
    GatewayPinsReloaded since V2_12: "a reload may pin other certificates of gateways",
    PinnedByReload since V2_15: "clients whose certificates a reload does not pin are closed; before, those are whose certificates were not pinned",
    SignalsLogged since V2_11: "the log says which signal was trapped",
    AnswersRoutedOn since V2_14: "the answer to an imported service that has come by a route goes on to other servers",
    ImportedSubjectsChecked since V2_15: "what a queue group gets of an imported stream is checked against permissions by its own subject, not that of the exporting account",
    OldGatewayRepliesRefused since V2_15: "with gateways, clients may not publish to `$GR.`; before, what they publish there goes nowhere",
    InsecureSuitesRefused since V2_12: "insecure cipher suites are refused unless `allow_insecure_cipher_suites` is set",
    // Events.
    CalloutAllowedAccounts since V2_11: "`auth_callout` takes `allowed_accounts`",
    CalloutOfSilentClients since V2_14: "a client of `no_auth_user` that never sent CONNECT is asked about",
    SilentUserOfWebsockets since V2_12: "a client over WebSocket that never sent CONNECT is taken for the `no_auth_user` of `websocket`; before for that of the server",
    TemplatesTellMore since V2_11: "it is said what could not be filled in of the template of a scoped key",
    CalloutOfClaimsEnds since V2_14: "claims of an account without a service of `auth_callout` end that there is one",
    CalloutUsersMatched since V2_15: "nobody is asked about clients who match one of `auth_users`; before, who say that they do",
    CalloutOfClaimsRefusalTold since V2_15: "a refusal because of what the service of an account answers, or does not, is told like others",
    CalloutAnswerIssuer since V2_15: "the answer about a client has to be signed by the issuer, and not only its user",
    OneAuthErrorAfterCallout since V2_15: "a refusal because of an answer about a client is told of once; before twice",
    ImplicitConnectEvent since V2_14: "a client of `no_auth_user` that never sent CONNECT raises a CONNECT event",
    NoConnectEventOverAccountLimit since V2_15: "a client over its account's connection limit raises no CONNECT event before it is refused",
    GlobalAccountEvents since V2_12: "clients of `$G` raise CONNECT and DISCONNECT events",
    RedactedTokens since V2_11: "the user of a token login is shown as `[REDACTED]`",
    AccountNames since V2_11: "events and replies name the account in `name`, `name_tag` and `account_tag`",
    TrafficOfLinks since V2_11: "account statistics hold the traffic of routes, gateways and leaf nodes",
    UserInfoNotTold since V2_11: "servers do not tell their peers that they listen to `$SYS.REQ.USER.*.INFO`",
    PinnedAccountsCountedOnce since V2_15: "what an account gets by routes of its own counts once, not twice",
    RoutedMessagesReceived since V2_11: "what an account gets by routes counts as received",
    LeafConnectEvent since V2_12: "a server that connects to a hub raises a CONNECT event of its own",
    // Traces of messages.
    MessageTraces since V2_11: "messages with `Nats-Trace-Dest` are traced, and those with `traceparent` for accounts with `msg_trace`",
    TraceDestinationChecked since V2_12: "who has a message traced needs the right to publish where that is told",
    TraceAnswers since V2_14: "traces go on into other accounts by subjects that lead back, not by `Nats-Trace-Origin-Account`; `trace disabled` is what they end by; a message that is only to be traced is dropped if it cannot be; headers are read in their very case",
    // Leaf nodes.
    LeafProtocol since V2_11: "INFO at the port for leaf nodes names version 3 of the protocol, not 1",
    EndedLeafsNotRegistered since V2_12: "a leaf node whose connection has ended before a service said who it is counts in no account",
    LeafLimitHeeded since V2_15: "a leaf node over its account's limit is gone, and not left in the list of connections",
    OldGatewayRepliesGone since V2_15: "leaf nodes are not told of `$GR.*.>`",
    IsolatedLeafs since V2_12: "leaf nodes may be kept from hearing what others listen to",
    LeafMessagesChecked since V2_12: "a hub ends the connection of a leaf node that sends what its user may not",
    LeafFiltersByHub since V2_14: "a hub's wildcard subscription that meets a denial of the leaf node has what the hub sends looked at",
    RoutedLeafsIsolated since V2_15: "isolated leaf nodes do not hear what leaf nodes of other servers listen to",
    // Routes.
    MqttCrossesRoutes since V2_12: "what `permissions` of a cluster allow does not keep back `$MQTT.>`",
    RouteFiltersByOverlap since V2_12: "messages are held to what a cluster's `permissions` deny to export as soon as a wildcard subscription meets it, not only where it holds all of it",
    // Requests.
    StatszOnDemand since V2_14: "a STATSZ request without a reply subject is heeded more than once a second",
    AllSubszCounted since V2_11: "`total` of SUBSZ counts all subscriptions that match, not those of the page",
    CidOfAnyState since V2_11: "CONNZ for one `cid` in state 2 looks among open connections, too",
    CidHeedsFilters since V2_14: "CONNZ for one `cid` heeds `acc`, `user` and `mqtt_client`",
    ClosedDetailsNotKept since V2_14: "details of closed connections' subscriptions are not shown again in later CONNZ replies",
    // Members of replies.
    StatzOfLeafsAlone since V2_14: "account statistics tell of accounts that have leaf nodes and no clients",
    LeafIds since V2_11: "`id` of LEAFZ",
    LeafsInConnz since V2_11: "CONNZ lists leaf node connections without being asked for one account",
    LoneLeafUnnamed since V2_11: "VARZ does not name the cluster that a leaf node without one passes its own name off as",
    MaxProcs since V2_11: "`gomaxprocs` of STATSZ",
    SlowConsumerStats since V2_11: "`slow_consumer_stats` of STATSZ",
    StaleConnections since V2_12: "stale connections and stalled clients in STATSZ and VARZ, `stalls` of CONNZ",
    ClientTraffic since V2_14: "the traffic of clients apart, in STATSZ and VARZ",
    ConfigDigest since V2_11: "`config_digest` of VARZ",
    WriteDeadlinesOfLinks since V2_11: "`write_deadline` of the sections of VARZ about links",
    DiskWaits since V2_14: "`disk_io_wait_stats` of VARZ",
    RoutezOfUnnamedServers since V2_12: "`server_name` of ROUTEZ, when no name is configured",
    JetStreamApiLevel since V2_11: "`level` of JetStream's API statistics",
    JszTotal since V2_11: "`total` of JSZ",
    QueuesOfPermissions since V2_14: "permissions in USER.INFO name the queues they are for",
    CertificatesExpire since V2_12: "`tls_cert_not_after` of VARZ",
    SubjectsInText since V2_14: "parts of the subject of a certificate that have no name are shown as text, not as they are encoded",
    ImportsOverlapByAccount since V2_12: "services that the claims of an account import may overlap if they are of several accounts",
    ClaimsRepliesNameServerFirst since V2_11: "the answer to new claims of an account names the server first, not last",
    NewestOverLimitGo since V2_12: "new claims with fewer connections for an account end the newest ones, not any",
    BearerTokensHidden since V2_12: "CONNZ does not show JWTs that are bearer tokens",
    UserInfoNames since V2_12: "`account_name` and `user_name` of USER.INFO",
}
