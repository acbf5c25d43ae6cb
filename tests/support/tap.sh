# tap.sh - sourced by the scripts of tests/integration and tests/fault: TAP lines, a folder of their
# own, and running pgkeep. prove adds the lines up.
#
#     . "$(dirname "$0")/../support/tap.sh"
#     run backup …              # sets $status, $out (stdout), $err (stderr); never ends the script
#     is "$status" 0 "it works"
#     like "$err" 'hint: .*' "it helps"
#     finish                    # the last line of every script
#
# $BUILD is the build folder, $TMP a private folder that is removed at the end, $PGKEEP the program.
# `at_exit COMMAND…` runs a command before that (stop a server).
# shellcheck shell=bash
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
BUILD=$(cd "${BUILD:-build}" && pwd)
PGKEEP=${PGKEEP:-$BUILD/pgkeep}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/pgkeep-test.XXXXXX")
tap_count=0
tap_failed=0
tap_exit=()
status=0 out='' err=''

tap_cleanup() {
    local command
    for command in "${tap_exit[@]}"; do eval "$command"; done
    rm -rf "$TMP"
}
trap tap_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs last-in first-out.
at_exit() { tap_exit=("$(printf '%q ' "$@")" "${tap_exit[@]}"); }

pass() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1"
}

# fail NAME [LINE...]
fail() {
    tap_count=$((tap_count + 1))
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $1"
    shift
    [ $# = 0 ] || printf '%s\n' "$@" | sed 's/^/# /'
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

is() {
    if [ "$1" = "$2" ]; then pass "$3"; else fail "$3" "got:      $1" "expected: $2" "stderr:   $err"; fi
}

# like TEXT REGEX NAME; the regex is bash's.
like() {
    if [[ $1 =~ $2 ]]; then pass "$3"; else fail "$3" "got: $1" "should match: $2"; fi
}

unlike() {
    if [[ $1 =~ $2 ]]; then fail "$3" "got: $1" "should not match: $2"; else pass "$3"; fi
}

# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@" >"$TMP/.check" 2>&1; then pass "$name"; else fail "$name" "$*" "$(cat "$TMP/.check")"; fi
}

run() {
    "$PGKEEP" "$@" >"$TMP/.out" 2>"$TMP/.err" </dev/null
    status=$?
    out=$(cat "$TMP/.out")
    err=$(cat "$TMP/.err")
}

# The whole script is skipped: skip_all REASON
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

finish() {
    echo "1..$tap_count"
    [ "$tap_failed" = 0 ]
    exit
}
