#!/usr/bin/env bash
# Measures rawlab against what people use today: side by side, interleaved,
# in one run. Prints a Markdown table.
#
#   scripts/peers.sh [--quick] [--rounds N] [--only WORDS] [--json FILE] [capture|hosts|tcpq|udpq]…
#
# Installs the peers it can into a folder of its own, leaves out the others
# and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

peers=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/rawlab-peers
export PATH="$PATH:$peers"

mkdir -p "$peers"
program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
export PATH="$program:$PATH"

# have TOOL COMMAND… gets a peer that is missing by a command, or says that it could not.
have() {
	local tool=$1
	shift
	command -v "$tool" >/dev/null && return
	echo "installing $tool" >&2
	"$@" >&2 || echo "$tool could not be installed" >&2
}

# TOXIPROXY is Shopify's TCP proxy for tests (MIT).
TOXIPROXY=github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
toxiproxy() {
	GOBIN=$program GOFLAGS='' go install "$TOXIPROXY" && mv "$program/server" "$peers/toxiproxy-server"
}

# from_debian PACKAGE… installs packages, if this user may.
from_debian() {
	local sudo=()
	[ "$(id -u)" = 0 ] || sudo=(sudo -n)
	"${sudo[@]}" apt-get -qq update &&
		"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@"
}

zeromq() {
	[ -e /usr/include/zmq.h ] || from_debian libzmq3-dev gcc libc6-dev || return
	gcc -O2 -o "$program/rawlab-zeromq" scripts/peers/zeromq/zeromq.c -lzmq
}

# The peers' clients, and NATS' server, in the versions of their own module.
rivals() { (cd scripts/peers/rivals && go build -o "$program/" . && go build -o "$peers/" github.com/nats-io/nats-server/v2); }

# Pebble is CockroachDB's storage engine (BSD 3-clause).
pebble() { (cd scripts/peers/pebble && go build -o "$peers/rawlab-pebble" .); }

# wants TOPIC: it was asked for, or none was.
words=" $* "
wants() { [[ ! $words =~ \ (capture|hosts|tcpq|udpq)\  || $words == *" $1 "* ]]; }

if wants capture; then
	have tcpdump from_debian tcpdump
	have tshark from_debian tshark
fi
if wants hosts; then
	have toxiproxy-server toxiproxy
fi
if wants tcpq || wants udpq; then
	rivals >&2 || echo "the clients of NATS, Redis, KCP and QUIC could not be built" >&2
fi
if wants tcpq; then
	have redis-server from_debian redis-server
	have rawlab-zeromq zeromq
	have rawlab-pebble pebble
fi

CGO_ENABLED=0 go build -o "$program/" ./scripts/peers ./scripts/peers/gopacket ./cmd/rawlab # as rawlab is released
"$program/peers" "$@"
