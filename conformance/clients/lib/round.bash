# Sourced by the client rounds: checks the arguments, gives each its folders, starts the server, and cleans up.
#
# A round is called as: ROUND SERVER_BINARY VERSION_LABEL, with $SCRATCH naming the folder for what it installs.
# Afterwards $install is where the client goes (kept for the next run when $SCRATCH is given) and `round PROGRAM...`
# runs the checks against a fresh server.
set -euo pipefail

clients=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name=$(basename "$0")
if (($# != 2)); then
  echo "usage: [SCRATCH=FOLDER] $name SERVER_BINARY VERSION_LABEL" >&2
  exit 2
fi
binary=$(realpath "$1")
label=$2
run=$(mktemp -d)
install=${SCRATCH:-$run}/$name
mkdir -p "$install"

cleanup() {
  "$clients/lib/server" stop "$run/server"
  "$clients/lib/access" stop "$run/access"
  rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Prefixes each line of the checks with who is talking to what. No round takes longer than two minutes.
round() {
  local port ports={}
  port=$("$clients/lib/server" start "$run/server" "$binary")
  # A round that says so does not try the ways to log in.
  [ -n "${without_access:-}" ] || ports=$("$clients/lib/access" start "$run/access" "$binary")
  NATS_PORT=$port FIXTURES="$clients/../../fixtures" ACCESS_PORTS=$ports RESTART="$clients/lib/restart" RESTART_FOLDER=$run/server RESTART_BINARY=$binary \
    timeout --kill-after=5 120 "$@" | sed -u "s/^/$name $label: /"
}
