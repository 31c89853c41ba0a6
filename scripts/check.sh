#!/usr/bin/env bash
# The whole test run. From a fresh clone on a fresh machine: installs the
# tools that the tests speak to, if this user may, then checks everything and
# stops at the first thing that does not hold; of what is checked beside the
# tests it tells after them.
#
#   scripts/check.sh
#
# FUZZTIME=100000x is how many inputs each fuzz target gets. (It takes a time
# such as 5s too, but Go 1.26 may then fail at its end without a finding:
# go.dev/issue/75804.) RAWLAB_REQUIRE_TOOLS=1 makes a missing tool a failure;
# without it, the tests that need it are skipped and this script says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

FUZZTIME=${FUZZTIME:-2000x}
export PATH="$PATH:/usr/sbin:/sbin" # where nft and ip are, but not on every user's path
TYPED="linux/arm64 linux/386 darwin/arm64 windows/amd64"
work=$(mktemp -d)
installing= # the process that does
beside=     # the process that checks beside the tests
trap 'stop_beside; wait; rm -rf "$work"' EXIT # a package manager is not left half way
began=$SECONDS

die() {
	printf '\ncheck.sh: %s\n' "$*" >&2
	exit 1
}

# step NAME COMMAND… runs the command, shows its output only if it fails, and
# stops the run then. Loud steps show their output as it comes. Inside a step
# bash ignores set -e, so each says itself what ends it.
step() { run_step quiet "$@"; }
loud_step() { run_step loud "$@"; }

run_step() {
	local how=$1 name=$2 start=$SECONDS status=0
	shift 2
	printf '== %s\n' "$name"
	if [ "$how" = loud ]; then
		"$@" 2>&1 || status=$?
	else
		"$@" >"$work/log.$BASHPID" 2>&1 || status=$?
		[ "$status" = 0 ] || cat "$work/log.$BASHPID"
	fi
	printf '%5d s  %s\n' $((SECONDS - start)) "$name" >>"$work/summary"
	[ "$status" = 0 ] || die "'$name' failed after $((SECONDS - start)) s, exit code $status"
}

# privileged COMMAND… runs the command as root, if this user may.
privileged() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		sudo -n "$@"
	else
		echo "not root, and sudo asks for a password"
		return 1
	fi
}

install_packages() {
	if command -v apt-get >/dev/null; then
		# tshark's package asks who may capture; the default, root, is right here
		privileged env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
			privileged env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
				tshark tcpdump nftables iproute2 util-linux gcc libc6-dev iperf3 curl iputils-ping python3 openssl chromium
	elif command -v dnf >/dev/null; then
		privileged dnf -q -y install wireshark-cli tcpdump nftables iproute iproute-tc util-linux gcc glibc-devel iperf3 curl iputils python3 openssl chromium
	elif command -v apk >/dev/null; then
		privileged apk add -q tshark tcpdump nftables iproute2 util-linux gcc musl-dev iperf3 curl iputils python3 openssl chromium
	else
		echo "no apt-get, dnf or apk here"
		return 1
	fi
}

missing_tools() {
	local tool
	for tool in tshark tcpdump nft ip gcc iperf3 curl ping python3 openssl; do
		command -v "$tool" >/dev/null || printf '%s ' "$tool"
	done
	command -v chromium chromium-browser google-chrome >/dev/null || printf 'chromium '
}

# begin_install installs what is missing beside the steps that need none of it.
begin_install() {
	local missing
	missing=$(missing_tools)
	[ -n "$missing" ] || return 0
	echo "installing, beside what follows: $missing"
	install_packages >"$work/install" 2>&1 &
	installing=$!
}

# tools waits for the installation and decides whether tests may skip.
tools() {
	local missing
	if [ -n "$installing" ] && ! wait "$installing"; then
		cat "$work/install"
		echo "could not install"
	fi
	installing=
	missing=$(missing_tools)
	if [ -z "$missing" ]; then
		export RAWLAB_REQUIRE_TOOLS=1
		return
	fi
	command -v "$(go env CC)" >/dev/null || die "no C compiler: 'go test -race' needs one; install gcc"
	[ "${RAWLAB_REQUIRE_TOOLS:-}" != 1 ] || die "missing, and required here: $missing"
	echo "WARNING: still missing: ${missing}- the tests that need them are skipped"
}

formatted() {
	local files
	files=$(gofmt -l .) || return 1
	[ -z "$files" ] || {
		printf 'run gofmt -w on:\n%s\n' "$files"
		return 1
	}
}

modules() {
	go mod tidy -diff || {
		echo "run 'go mod tidy'"
		return 1
	}
	go mod verify || return
	local module
	for module in scripts/tools scripts/peers/*/go.mod; do
		(cd "${module%/go.mod}" && go mod tidy -diff && go mod verify) || return
	done
}

modern() {
	go fix -diff ./... || {
		echo "run 'go fix ./...'"
		return 1
	}
}

# build builds every package and the command. Stamping the commit would fail
# where another user owns the clone.
build() { go build -buildvcs=false -o "$work/bin/" ./...; }

# typed type-checks everything, tests too, for systems this machine may not
# run: what a compiler would say of them, in a tenth of the time.
typed() { go -C scripts/tools run ./typecheck ../.. $TYPED; }

# begin_beside begins what needs nothing but processors beside the race tests, which
# leave them idle half of the time, and below them; in a process group of its
# own, so that it can be ended whole.
begin_beside() {
	set -m
	(
		renice -n 19 -p "$BASHPID" >/dev/null
		step "go vet" go vet ./...
		step "staticcheck" go tool -modfile=scripts/tools/go.mod staticcheck ./...
		step "go fix finds nothing to modernise" modern
		step "types hold for $TYPED" typed
	) >"$work/beside" 2>&1 &
	beside=$!
	set +m
}

checked_beside() {
	local status=0
	wait "$beside" || status=$?
	beside=
	cat "$work/beside"
	return "$status"
}

stop_beside() { [ -z "$beside" ] || kill -- "-$beside" 2>/dev/null || true; }

# race_tests runs every test; those that repeat something a hundred times do so
# a few times only, since the race detector makes virtual hosts slow.
race_tests() { CGO_ENABLED=1 go test -vet=off -race -short -shuffle=on -timeout 8m ./...; }

# long_tests runs in full those that do less under -short: every test of a file
# that asks for it.
long_tests() {
	local files names
	files=$(grep -rlF --include='*_test.go' 'testing.Short()' .)
	if grep -LE '^func Test' $files | grep .; then
		echo "asks testing.Short() outside of a test's own file: its tests would not be found here"
		return 1
	fi
	names=$(grep -ohE '^func Test\w+' $files | cut -c6- | sort -u | paste -sd'|')
	go test -vet=off -shuffle=on -timeout 8m -run "^($names)\$" $(printf '%s\n' $files | xargs -n1 dirname | sort -u)
}

# fuzz runs every fuzz target for a moment, in a program built once for all of
# a package.
fuzz() {
	local dir target targets
	for dir in $(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
		go test -vet=off -c -fuzz=. -o "$work/fuzz.test" "$dir" || return
		targets=$(cd "$dir" && "$work/fuzz.test" -test.list '^Fuzz') || return
		for target in $targets; do
			echo "$dir $target"
			# minimizing an interesting input may otherwise take the whole time
			(cd "$dir" && "$work/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$FUZZTIME" \
				-test.fuzzminimizetime 10x -test.fuzzcachedir "$work/fuzz") >"$work/fuzzed" 2>&1 || {
				cat "$work/fuzzed"
				return 1
			}
		done
	done
}

command -v go >/dev/null || die "no 'go' on the PATH: install Go 1.26 or later, see https://go.dev/dl"
[ "$(uname -s)" != Linux ] || export RAWLAB_REQUIRE_NETNS=1 # any Linux user may have namespaces; where not, fail

begin_install
step "gofmt" formatted
step "modules are tidy and unchanged" modules
export CGO_ENABLED=0 # as the command is built; only the race detector needs C
step "build" build
loud_step "tools" tools
begin_beside
loud_step "tests, with the race detector" race_tests
loud_step "the rest of what ran beside them" checked_beside
loud_step "long tests in full" long_tests # labs in real time, which are best left alone
loud_step "fuzzing, $FUZZTIME each" fuzz

printf '\n'
cat "$work/summary"
printf '%5d s  in all: every check held\n' $((SECONDS - began))
