#!/usr/bin/env bash
# Measures rawlab against what people use today: side by side, interleaved,
# in one run. Prints a Markdown table.
#
#   scripts/peers.sh [--quick] [--rounds N] [--only WORDS] [--json FILE] [hosts]…
#
# Installs the peers it can into a folder of its own, leaves out the others
# and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

peers=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/rawlab-peers
export PATH="$PATH:$peers"

# TOXIPROXY is Shopify's TCP proxy for tests (MIT).
TOXIPROXY=github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
if ! command -v toxiproxy-server >/dev/null; then
	echo "installing toxiproxy-server into $peers" >&2
	work=$(mktemp -d)
	if GOBIN=$work GOFLAGS= go install "$TOXIPROXY" >&2; then
		mkdir -p "$peers"
		mv "$work/server" "$peers/toxiproxy-server"
	else
		echo "toxiproxy-server could not be installed" >&2
	fi
	rm -rf "$work"
fi

program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
go build -o "$program/peers" ./scripts/peers
"$program/peers" "$@"
