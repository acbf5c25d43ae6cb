# shellcheck shell=bash
# fault.sh - what the fault tests share, on top of integration/lib.sh; to be sourced.
#
# fake_up [SETTING=VALUE…]   the scripted S3 service (build/tests/fake_s3) in the background: sets $fake_endpoint,
#                            exports its keys. fake WORD… sends it a line and prints its answer. fake_down
# s3_keys [PREFIX]           keys in its bucket, one a line
# trouble TEXT               remembers that something is wrong; no_trouble NAME: a test that fails if there was, and forgets
# within SECONDS COMMAND…    run, but killed after that time ($status 137)
# artifact N FILTER          of the N-th newest artifact of `list --json` (0: the newest), by jq
# folder_files               files of $folder that belong to backups
# finished_well [STAT]       finished, and the service saw no bad manners of the client (but STAT, of `fake stats`)

# shellcheck source=tests/integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"

troubles=""
trouble() { troubles+="$*"$'\n'; }
no_trouble() {
    is "$1" "${troubles%$'\n'}" ""
    troubles=""
}

fake_up() {
    local answer value
    rm -f "$work/fake-in" "$work/fake-out"
    mkfifo "$work/fake-in" "$work/fake-out"
    "$build/tests/fake_s3" "$@" <"$work/fake-in" >"$work/fake-out" &
    fake_pid=$!
    exec {fake_in}>"$work/fake-in" {fake_out}<"$work/fake-out"
    while read -r -u "$fake_out" answer value; do
        case $answer in
        endpoint) fake_endpoint=$value ;;
        access_key) export AWS_ACCESS_KEY_ID=$value ;;
        secret_key) export AWS_SECRET_ACCESS_KEY=$value && break ;;
        esac
    done
    # shellcheck disable=SC2034 # for s3_call
    s3_endpoint=$fake_endpoint
}
fake() {
    local answer
    echo "$*" >&"$fake_in"
    read -r -t 120 -u "$fake_out" answer || answer="error: no answer"
    case $answer in error:*) diag "fake $*: $answer" ;; esac
    echo "$answer"
}
fake_down() {
    [ -n "${fake_pid:-}" ] || return 0
    exec {fake_in}>&- {fake_out}<&-
    kill "$fake_pid" 2>/dev/null
    wait "$fake_pid" 2>/dev/null
    fake_pid=""
}
at_exit+=(fake_down)

s3_keys() { s3_call GET "bucket?list-type=2&prefix=${1//\//%2F}" | grep -oE '<Key>[^<]*' | cut -c6-; }

within() {
    local seconds=$1
    shift
    run timeout --signal=KILL "$seconds" "$@"
}

artifact() { "$pgkeep" list --json | jq -r ".artifacts[$1] | $2"; }
states() { artifact "$1" '.status + " " + ([.copies[].state] | sort | join(" "))'; }
folder_files() { find "$folder" -type f ! -name pgkeep-store.json ! -name RECOVERY.md ! -path '*/state/*' 2>/dev/null; }

manners() {
    fake stats | tr ' ' '\n' |
        grep -E '^(bad_signatures|same_part_in_flight|endings_in_flight|completes_after_abort|aborts_after_complete|aws_chunked|chunked)=' |
        grep -v '=0$'
}
finished_well() {
    [ -z "${fake_pid:-}" ] || is "the client kept its manners" "$(manners | grep -v "^${1:--}=")" ""
    finished
}
