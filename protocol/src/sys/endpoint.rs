//! The names at the end of request subjects.

use std::fmt;

/// An enum of names, each shown and parsed as one token.
macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// All of them.
            #[must_use]
            pub const fn all() -> &'static [Self] {
                &[$(Self::$variant),+]
            }

            /// The name in subjects, in upper case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The one with this name; names are case-sensitive.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

names! {
    /// What can be asked of a server with `$SYS.REQ.SERVER.<id>.<name>` and `$SYS.REQ.SERVER.PING.<name>`.
    Endpoint {
        /// Who is there.
        Idz = "IDZ",
        /// Statistics.
        Statsz = "STATSZ",
        /// Configuration and counters.
        Varz = "VARZ",
        /// Subscriptions.
        Subsz = "SUBSZ",
        /// Connections.
        Connz = "CONNZ",
        /// Routes.
        Routez = "ROUTEZ",
        /// Gateways.
        Gatewayz = "GATEWAYZ",
        /// Leaf nodes.
        Leafz = "LEAFZ",
        /// Accounts.
        Accountz = "ACCOUNTZ",
        /// JetStream.
        Jsz = "JSZ",
        /// Health.
        Healthz = "HEALTHZ",
        /// Runtime profiles.
        Profilez = "PROFILEZ",
        /// Runtime variables.
        Expvarz = "EXPVARZ",
        /// Internal queues.
        Ipqueuesz = "IPQUEUESZ",
        /// Raft groups.
        Raftz = "RAFTZ",
    }
}

names! {
    /// What a server can be told to do with `$SYS.REQ.SERVER.<id>.<name>`.
    ServerCommand {
        /// Load the configuration again.
        Reload = "RELOAD",
        /// Close a connection.
        Kick = "KICK",
        /// Tell a client to go elsewhere, as in lame duck mode.
        Ldm = "LDM",
    }
}

names! {
    /// What can be asked about an account with `$SYS.REQ.ACCOUNT.<account>.<name>`.
    AccountEndpoint {
        /// Subscriptions.
        Subsz = "SUBSZ",
        /// Connections.
        Connz = "CONNZ",
        /// Leaf nodes.
        Leafz = "LEAFZ",
        /// JetStream.
        Jsz = "JSZ",
        /// The account itself.
        Info = "INFO",
        /// Connections and traffic, in the envelope of replies.
        Statz = "STATZ",
        /// Connections and traffic, as an event.
        Conns = "CONNS",
    }
}

names! {
    /// What can be asked of the account JWT store with `$SYS.REQ.CLAIMS.<name>`.
    ClaimsEndpoint {
        /// Store an account JWT.
        Update = "UPDATE",
        /// Delete accounts.
        Delete = "DELETE",
        /// List the accounts.
        List = "LIST",
        /// Compare and exchange the whole store.
        Pack = "PACK",
    }
}
