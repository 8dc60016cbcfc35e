//! What `--help` says.

/// The usage of the program.
pub const TEXT: &str = "\
Usage: nats-mock [options]
       nats-mock graph -c <file> ...    Show the deployment that files describe
       nats-mock sweep ... -- COMMAND   Run a command while everything goes wrong that can

Simulates a nats-server for tests. It takes the flags, configuration files and signals of
nats-server; with no arguments it serves a default deployment on port 4222. The files that start
the servers of a cluster start them all in one process: nats-mock -c n1.conf -c n2.conf -c n3.conf

Server:
    -a, --addr, --net <host>         Listen on this host (default: 0.0.0.0)
    -p, --port <port>                Listen on this port, -1 for any (default: 4222)
    -n, --name, --server_name <name> Server name (default: the server's id)
    -P, --pid <file>                 Write the process id to a file
    -c, --config <file>              Read a configuration file; several files, several servers
    -t                               Check the configuration files and exit
    -sl, --signal <signal>[=<pid>]   Signal a running server: ldm, stop, quit, term, reopen, reload
        --client_advertise <url>     Address that clients are told
        --ports_file_dir <dir>       Write <program>_<pid>.ports to this directory
    -m, --http_port <port>           Refused: HTTP monitoring is not simulated yet

Cluster:
        --cluster, --cluster_listen <url>  Listen for other servers at this URL
        --cluster_name <name>        Name of the cluster
        --routes <url>,<url>...      Other servers to connect to
        --cluster_advertise <url>    Address that other servers are told
        --no_advertise               Do not tell clients of other servers
        --connect_retries <number>   Tries to reach a server that another one told of

Simulation:
        --simulate-version <version> Release to simulate, such as 2.12.8 (default: the newest)
        --seed <number>              Root of all randomness (default: 0)

TLS, with the cargo feature tls:
        --tls[=false]                Be secure, with these files; or not at all
        --tlscert <file>             The server's certificate
        --tlskey <file>              Its key
        --tlsverify                  Clients have to show certificates
        --tlscacert <file>           Who has to have signed those

Authorization:
        --user <user>                User that clients must log in as
        --pass <password>            Password of that user
        --auth <token>               Token that clients must bring

Logging:
    -l, --log <file>                 Write the log to a file
    -T, --logtime                    Begin log lines with the time (default: true)
        --logtime_utc                Log in UTC instead of local time
    -D, -V, -VV, -DV, -DVV           Accepted, without effect

Common:
    -h, --help                       Show this message
    -v, --version                    Show the version that is simulated
";
