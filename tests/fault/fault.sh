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
# fresh NAME STORES [OPTIONS] a configuration with a catalog, a folder (store "nas", $folder) and a prefix in the bucket (store
#                            "fake", $prefix) of their own, and the job "nightly" of database "shop" into STORES
# forget_all                 removes what the folder and the prefix hold: it is kept in memory
# in_order CONTEXT WANTED    after a fault: the next run is good; then there are so many whole backups (a regex),
#                            objects and files of exactly these, nothing half-done; all verify
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

fresh() {
    folder=$work/folder-$1 prefix=p$1
    export PGKEEP_CONFIG=$work/pgkeep.conf
    cat >"$PGKEEP_CONFIG" <<END
catalog = "$work/$1.db";
sources: { shop: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=shop"; }; };
stores: { nas: { type = "dir"; path = "$folder"; };
          fake: { type = "s3"; endpoint = "$fake_endpoint"; bucket = "bucket"; prefix = "$prefix/"; path_style = true;${3:-} }; };
jobs: { nightly: { source = "shop"; stores = [ $2 ]; compress = "none"; }; };
END
}
forget_all() {
    local key
    for key in $(s3_keys "$prefix/data/"); do fake forget "$key" >/dev/null; done
    rm -rf "$folder"
}

# Objects by id, and what the catalog says of complete copies, in the same form.
in_stores() {
    { s3_keys "$prefix/data/" | sed 's/^/fake /'; find "$folder/data" -type f 2>/dev/null | sed 's/^/nas /'; } |
        sed -E 's/^([a-z]+) .*-([0-9A-Z]{26})\.(index|sql).*/\1 \2 \3/' | sort
    { s3_keys "$prefix/manifests/" | sed 's/^/fake /'; find "$folder/manifests" -type f 2>/dev/null | sed 's/^/nas /'; } |
        sed -E 's/^([a-z]+) .*\/([0-9A-Z]{26})\.json/\1 \2 manifest/' | sort
}
in_catalog() {
    "$pgkeep" list --json >"$work/list.json"
    jq -r '.artifacts[] | .id as $id | .copies[] | select(.state == "complete") | "\(.store) \($id) index", "\(.store) \($id) sql"' \
        "$work/list.json" | sort
    jq -r '.artifacts[] | .id as $id | .copies[] | select(.state == "complete") | "\(.store) \($id) manifest"' "$work/list.json" | sort
}
in_order() {
    local found
    within 60 "$pgkeep" backup nightly
    [ "$status" = 0 ] || trouble "$1: the next run ended with $status: $err"
    found=$("$pgkeep" list --json | jq -r '[.artifacts[].status] | group_by(.) | map(.[0] + ":" + (length | tostring)) | join(" ")')
    [[ $found =~ ^complete:($2)(\ failed:1)?$ ]] || trouble "$1: wanted $2 whole backups, list shows $found"
    found=$(diff <(in_catalog) <(in_stores)) || trouble "$1: catalog (<) and stores (>) differ: $found"
    [ "$(fake uploads)" = 0 ] || trouble "$1: $(fake uploads) uploads are open"
    [ -z "$(find "$folder" -name '*.part' 2>/dev/null)" ] || trouble "$1: a partial file is left"
    found=$("$pgkeep" status --json | jq -c '.running // empty')
    [ "$found" = "[]" ] || trouble "$1: status shows as running: $found"
    run "$pgkeep" verify --all
    [ "$status" = 0 ] || trouble "$1: verify says $status: $out $err"
}

manners() {
    fake stats | tr ' ' '\n' |
        grep -E '^(bad_signatures|same_part_in_flight|endings_in_flight|completes_after_abort|aborts_after_complete|aws_chunked|chunked)=' |
        grep -v '=0$'
}
finished_well() {
    [ -z "${fake_pid:-}" ] || is "the client kept its manners" "$(manners | grep -v "^${1:--}=")" ""
    finished
}
