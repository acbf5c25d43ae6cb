# shellcheck shell=bash
# lib.sh - what the integration tests share; to be sourced by a bash script that prove runs.
#
# TAP:      ok NAME COMMAND…   is NAME GOT WANT   like NAME GOT REGEX   unlike NAME GOT REGEX
#           isnt_there NAME PATH   pass NAME   fail NAME   skip NAME REASON   diag TEXT   skip_all REASON (ends the script)   finished (the plan, at the end)
# Run:      run COMMAND…       sets $status, $out and $err (also files $work/out, $work/err)
# Servers:  pg_up [NAME] [MAJOR]  PostgreSQL in a temp folder: exports PGHOST (socket folder), PGPORT, PGUSER=postgres;
#                              over 127.0.0.1 it wants the password $pg_password. pg_use NAME switches back. MAJOR:
#                              of $TEST_PG (scripts/install-services), else Debian's.
#           pg_down [NAME]     pg_kill [NAME] (SIGQUIT: as a crash)
#           rgw_up             Ceph's S3: exports AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY, sets $rgw_endpoint;
#                              rgw_gateway stop|start; rgw_down; s3_bucket NAME [versioned|locked]; s3_call
# Folder:   $work, removed at the end. $top the checkout, $build its build folder, $pgkeep the program.
# From outside: $test_long is PGKEEP_LONG (not empty: the long form of a test), $test_seed PGKEEP_SEED (of what is random).
# All that was started is stopped by pid when the script ends, however it ends.

set -uo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$top/build}
case $build in /*) ;; *) build=$top/$build ;; esac
# shellcheck disable=SC2034 # for the tests
pgkeep=$build/pgkeep
pg_password=only-a-test
export LC_ALL=C.UTF-8 TZ=UTC PATH=$PATH:/usr/sbin:/sbin
# shellcheck disable=SC2034 # for the tests
test_long=${PGKEEP_LONG:-} test_seed=${PGKEEP_SEED:-}
# Nothing of the caller's set-up may reach a test.
unset "${!PG@}" "${!AWS_@}" "${!PGKEEP_@}" http_proxy https_proxy all_proxy
export AWS_EC2_METADATA_DISABLED=true

work=$(mktemp -d "${TMPDIR:-/tmp}/pgkeep-test.XXXXXX") || exit 1
chmod 711 "$work"
export HOME=$work/home XDG_STATE_HOME=$work/home/state XDG_CONFIG_HOME=$work/home/config
mkdir -p "$HOME"
pg_names=() rgw_folder="" tests=0 failures=0 at_exit=()

clean_up() {
    local result=$? name
    trap - EXIT
    for name in "${at_exit[@]:-}"; do [ -z "$name" ] || eval "$name"; done
    # Nobody will start them again.
    for name in "${pg_names[@]:-}"; do [ -z "$name" ] || pg_kill "$name"; done
    rgw_down
    # What a test made read-only goes too.
    if [ -n "${KEEP_WORK:-}" ]; then echo "# kept: $work"; else chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work"; fi
    [ "$failures" = 0 ] || [ "$result" != 0 ] || result=1
    exit "$result"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

diag() { printf "# %s\n" "${*//$'\n'/$'\n# '}" >&2; }
pass() {
    tests=$((tests + 1))
    echo "ok $tests - $1"
}
fail() {
    tests=$((tests + 1)) failures=$((failures + 1))
    echo "not ok $tests - $1"
}
ok() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then pass "$name"; else
        fail "$name"
        diag "$* ended with $?: ${output: -2000}"
    fi
}
is() {
    if [ "$2" = "$3" ]; then pass "$1"; else
        fail "$1"
        diag "got:    ${2:0:2000}"
        diag "wanted: ${3:0:2000}"
    fi
}
like() {
    if [[ $2 =~ $3 ]]; then pass "$1"; else
        fail "$1"
        diag "got:          ${2:0:2000}"
        diag "does not fit: $3"
    fi
}
unlike() {
    if [[ $2 =~ $3 ]]; then
        fail "$1"
        diag "got:             ${2:0:2000}"
        diag "should not have: $3"
    else pass "$1"; fi
}
skip() { # skip NAME REASON
    tests=$((tests + 1))
    echo "ok $tests - $1 # SKIP $2"
}
isnt_there() {
    if [ -e "$2" ]; then fail "$1" && diag "there is $2"; else pass "$1"; fi
}
skip_all() {
    echo "1..0 # SKIP $*"
    exit 0
}
finished() { echo "1..$tests"; }

run() {
    "$@" >"$work/out" 2>"$work/err" </dev/null
    # shellcheck disable=SC2034 # for the tests
    status=$? out=$(tr -d '\0' <"$work/out") err=$(tr -d '\0' <"$work/err")
}

free_port() { # one in front of the range that the kernel gives out to clients
    local port
    while :; do
        port=$((10000 + RANDOM % 10000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# PostgreSQL refuses to run as root; its programs complain of a folder that is closed to their user.
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && exec runuser -u postgres -- "$@"); else "$@"; fi; }

pg_find() {
    pg_bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    [ -x "${pg_bin:-}/initdb" ] || skip_all "no PostgreSQL server is installed (package postgresql)"
    PATH=$pg_bin:$PATH
    FAKE_PG_MAJOR=$(basename "$(dirname "$pg_bin")") # so that fake_pg_dump is of the server's major
    export FAKE_PG_MAJOR
}
# pg_programs MAJOR: the folder of another major's programs, where the user postgres can read them (the kept ones may
# lie in root's home). Fails when it was not fetched.
pg_programs() {
    local kept=${TEST_PG_FOLDER:-${PGKEEP_SERVICES:-$(getent passwd "$(id -u)" | cut -d: -f6)/.cache/pgkeep/services}/pg}/$1
    [ -x "$kept/bin/initdb" ] || return 1
    [ -d "$work/pgsql-$1" ] || { cp -r "$kept" "$work/pgsql-$1" && chmod -R go+rX "$work/pgsql-$1"; }
    echo "$work/pgsql-$1/bin"
}

# noise_db NAME ROWS: a database with a table t of hashes, which no codec makes much smaller.
noise_db() {
    createdb "$1"
    psql -qX -v ON_ERROR_STOP=1 -d "$1" -o /dev/null -c "CREATE TABLE t AS SELECT n, encode(sha512(n::text::bytea), 'hex') AS noise
    FROM generate_series(1, $2) n"
}

pg_use() {
    export PGHOST=$work/pg-$1 PGUSER=postgres PGDATABASE=postgres
    PGPORT=$(cat "$PGHOST/port")
    export PGPORT
}

pg_start() { # pg_start NAME: one that was made before
    local folder=$work/pg-$1
    as_postgres "$(cat "$folder/bin")/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 -o "-p $(cat "$folder/port")" start >/dev/null
}

# pg_init BIN FOLDER: a new cluster in FOLDER/data; where scripts run together, a copy of the first one made.
pg_init() {
    local bin=$1 folder=$2 made=$2/data template=""
    if [ -n "${TEST_SHARED:-}" ]; then
        template=$TEST_SHARED/pg-$("$bin/initdb" --version | tr -dc '0-9.')
        exec 9>"$template.lock"
        flock 9
        made=$template/data
        [ -d "$template" ] || { mkdir "$template" && { [ "$(id -u)" != 0 ] || chown postgres "$template"; }; }
    fi
    [ -d "$made" ] || as_postgres "$bin/initdb" -D "$made" -U postgres --no-sync -E UTF8 --locale=C.UTF-8 --auth-local=trust \
        --auth-host=scram-sha-256 --pwfile="$folder/password" >"$work/initdb" 2>&1 || { diag "$(cat "$work/initdb")" && exit 1; }
    [ -z "$template" ] || { exec 9>&- && cp -a "$made" "$folder/data"; }
}

pg_up() {
    local name=${1:-main} tries bin
    local folder=$work/pg-$name
    pg_find
    bin=$pg_bin
    [ -z "${2:-}" ] || bin=$(pg_programs "$2") || skip_all "PostgreSQL $2 is not there (scripts/install-services pg$2)"
    mkdir "$folder"
    echo "$bin" >"$folder/bin"
    echo "$pg_password" >"$folder/password"
    [ "$(id -u)" != 0 ] || chown -R postgres "$folder"
    pg_init "$bin" "$folder"
    cat >>"$folder/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
fsync = off
full_page_writes = off
max_connections = 60
max_wal_size = 4GB
log_timezone = 'UTC'
timezone = 'UTC'
END
    pg_names+=("$name")
    for tries in 1 2 3 4 5; do
        free_port >"$folder/port"
        pg_start "$name" && break
        [ "$tries" -lt 5 ] || { diag "$(tail -n 5 "$folder/log")" && exit 1; }
    done
    pg_use "$name"
}

pg_stop() { # pg_stop NAME MODE
    [ ! -e "$work/pg-$1/data/postmaster.pid" ] ||
        as_postgres "$(cat "$work/pg-$1/bin")/pg_ctl" -D "$work/pg-$1/data" -m "$2" -w -t 60 stop >/dev/null
}
pg_down() { pg_stop "${1:-main}" fast; }
pg_kill() { pg_stop "${1:-main}" immediate; }

rgw_up() {
    local answer result tries
    rgw_folder=$work/rgw
    # Scripts that run one after the other hand it on, each with a user, and so with buckets, of its own. Whoever had it
    # may have left it frozen.
    if [ -n "${TEST_SHARED:-}" ]; then
        rgw_folder=$TEST_SHARED/rgw-${TEST_SLOT:-0}
        cat "$rgw_folder"/*.pid 2>/dev/null | xargs -r kill -CONT 2>/dev/null
    fi
    # Between looking for free ports and listening there another test may take one.
    for tries in 1 2 3; do
        answer=$("$top/tests/support/rgw" start "$rgw_folder" 2>"$work/rgw-error")
        result=$?
        [ "$result" != 77 ] || skip_all "$(cat "$work/rgw-error")"
        [ "$result" != 0 ] || break
        [ "$tries" = 3 ] || { "$top/tests/support/rgw" kill "$rgw_folder" && rm -rf "$rgw_folder"; }
    done
    [ "$result" = 0 ] || { diag "$(cat "$work/rgw-error")" && exit 1; }
    # shellcheck disable=SC2034 # for the tests
    rgw_endpoint=$(sed -n 's/^endpoint //p' <<<"$answer")
    [ -z "${TEST_SHARED:-}" ] || answer=$("$top/tests/support/rgw" user "$rgw_folder" "t${RANDOM}x$$") || exit 1
    AWS_ACCESS_KEY_ID=$(sed -n 's/^access_key //p' <<<"$answer")
    AWS_SECRET_ACCESS_KEY=$(sed -n 's/^secret_key //p' <<<"$answer")
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}
# s3_call METHOD PATH [BODY [CURL OPTION...]]: a request signed by curl to $s3_endpoint (else $rgw_endpoint); prints
# the answer's body; fails unless it is 2xx. A query stands in PATH with its "=": "bucket?versioning=".
s3_call() {
    local method=$1 path=$2 body=${3:-}
    shift $(($# < 3 ? $# : 3))
    curl -sS --fail-with-body --max-time 60 --aws-sigv4 "aws:amz:${s3_region:-us-east-1}:s3" -X "$method" \
        -H "x-amz-content-sha256: $(printf %s "$body" | sha256sum | cut -d" " -f1)" --data-binary "$body" "$@" \
        -K - "${s3_endpoint:-$rgw_endpoint}/$path" <<<"user = \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\""
}
s3_bucket() { # s3_bucket NAME [versioned|locked]
    local status='<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'
    case ${2:-} in
    locked) s3_call PUT "$1" "" -H "x-amz-bucket-object-lock-enabled: true" ;;
    *) s3_call PUT "$1" ;;
    esac >/dev/null || return 1
    [ "${2:-}" != versioned ] || s3_call PUT "$1?versioning=" "$status"
}
rgw_gateway() { "$top/tests/support/rgw" gateway "$rgw_folder" "$1"; }
rgw_down() {
    [ -z "$rgw_folder" ] || [ -n "${TEST_SHARED:-}" ] || "$top/tests/support/rgw" kill "$rgw_folder"
    rgw_folder=""
}
