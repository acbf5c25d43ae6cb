#!/usr/bin/env bash
# Real S3 services: every claim of tests/support/s3_suite_table.c, by plain HTTP and TLS, by path and virtual host;
# a whole backup, verified and restored, into a plain, a versioned and a locked bucket of each; an upload that was
# killed with MinIO, which lists open uploads by exact key only. Ceph always; MinIO and versitygw where they are
# installed; Swift when TEST_SERVICES names it (it takes two minutes more).
TEST_SERVICES_BIN=${TEST_SERVICES_BIN:-${PGKEEP_SERVICES:-$HOME/.cache/pgkeep/services}/bin} # lib.sh changes HOME
export TEST_SERVICES_BIN
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
createdb shop
createdb big
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null <<'END'
CREATE TABLE t AS SELECT n, encode(sha512(n::text::bytea), 'hex') AS noise FROM generate_series(1, 50000) n;
END
psql -qX -d big -o /dev/null -c "CREATE TABLE t AS SELECT encode(sha512(n::text::bytea), 'hex') AS noise
    FROM generate_series(1, 200000) n"
faketime=$(find /usr/lib -name libfaketimeMT.so.1 -print -quit 2>/dev/null)
started=()
# shellcheck disable=SC2016 # evaluated at the end
at_exit+=('for name in "${started[@]:-}"; do [ -z "$name" ] || "$top/tests/support/${name%% *}" kill "${name#* }"; done')

answer() { sed -n "s/^$1 //p" <<<"$answers"; }

# up SERVICE [NAME=VALUE...]: starts it in a folder of its own and talks to it from now on. 1: it is not installed.
up() {
    local service=$1 result
    service_folder=$work/$service-${#started[@]}
    shift
    started+=("$service $service_folder")
    answers=$(env "$@" "$top/tests/support/$service" start "$service_folder" 2>"$work/start-error")
    result=$?
    if [ "$result" = 77 ]; then
        skip "$service" "$(cat "$work/start-error")"
        return 1
    fi
    [ "$result" = 0 ] || { diag "$(cat "$work/start-error")" && exit 1; }
    s3_endpoint=$(answer endpoint) s3_region=$(answer region)
    s3_region=${s3_region:-us-east-1} style=path
    AWS_ACCESS_KEY_ID=$(answer access_key) AWS_SECRET_ACCESS_KEY=$(answer secret_key)
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    unset S3_CA CURL_CA_BUNDLE
    [ -z "$(answer ca)" ] || export S3_CA CURL_CA_BUNDLE
    S3_CA=$(answer ca)
    CURL_CA_BUNDLE=$S3_CA
}

# suite LABEL SERVICE [GROUP...]: each line of the program is a test of ours.
suite() {
    local label=$1 line seen=0
    shift
    S3_ENDPOINT=$s3_endpoint S3_REGION=$s3_region S3_STYLE=$style run "$build/tests/s3_suite" "$@"
    while read -r line; do
        case $line in
        "ok "*) pass "$label: ${line#ok }" ;;
        "# bucket "*) ;;
        "not ok "*) fail "$label: ${line#not ok }" && seen=1 ;;
        *) diag "${line#\# }" ;;
        esac
    done <<<"$out"
    [ "$status" = 0 ] || [ "$seen" = 1 ] || { fail "$label" && diag "ended with $status: $err"; }
}

late_clock() { # late_clock SERVICE
    if [ -z "$faketime" ]; then
        skip "$1: a clock that is late" "libfaketime is not installed"
        return
    fi
    s3_bucket clock
    LD_PRELOAD=$faketime FAKETIME=-20m FAKETIME_DONT_FAKE_MONOTONIC=1 S3_BUCKET=clock suite "$1" "$1" clock
}

foreign_ca() { # foreign_ca SERVICE
    S3_FOREIGN_CA=$work/foreign.crt
    export S3_FOREIGN_CA
    [ -s "$S3_FOREIGN_CA" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=CA of a stranger" \
        -keyout "$work/foreign.key" -out "$S3_FOREIGN_CA" 2>/dev/null
    suite "$1, TLS" "$1" foreign-ca
}

# configure PROVIDER BUCKET [SETTING...]: one job into one bucket of the service.
configure() {
    local provider=$1 bucket=$2
    shift 2
    cat >"$work/pgkeep.conf" <<END
catalog = "$work/$provider-$bucket.db";
sources: { shop: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=shop"; };
           big: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=big"; }; };
stores: { s3: { type = "s3"; endpoint = "$s3_endpoint"; region = "$s3_region"; bucket = "$bucket"; prefix = "p/";
                provider = "$provider"; path_style = true; ${S3_CA:+ca_file = \"$S3_CA\";} $* }; };
jobs: { nightly: { source = "shop"; stores = [ "s3" ]; compress = "none"; };
        large: { source = "big"; stores = [ "s3" ]; compress = "none"; }; };
END
    export PGKEEP_CONFIG=$work/pgkeep.conf
}

# round_trip LABEL: backup, verify, restore, compare.
round_trip() {
    local id
    run "$pgkeep" backup nightly
    is "$1: backup" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    id=$out
    run "$pgkeep" verify "$id" --level full
    is "$1: verify" "$status" 0
    dropdb --if-exists back 2>/dev/null
    run "$pgkeep" restore "$id" --to "host=$PGHOST port=$PGPORT user=postgres dbname=back" --create
    is "$1: restore" "$status" 0
    ok "$1: the same comes back" cmp <(psql -AtX -d shop -c "TABLE t ORDER BY n") <(psql -AtX -d back -c "TABLE t ORDER BY n")
}

round_trips() { # round_trips SERVICE PROVIDER [KIND OF BUCKET...]
    local service=$1 provider=$2 kind
    shift 2
    for kind; do
        s3_bucket "trip-$kind" "${kind/plain/}" || { fail "$service: bucket $kind" && continue; }
        case $kind in
        locked) configure "$provider" trip-locked 'object_lock_mode = "GOVERNANCE"; object_lock = "1d";' ;;
        *) configure "$provider" "trip-$kind" ;;
        esac
        round_trip "$service, $kind bucket"
    done
}

# --- Ceph
if up rgw RGW_STORE=memstore RGW_TLS=1 RGW_DNS_NAME=s3.localhost; then
    tls_endpoint=$(answer tls_endpoint) port=${s3_endpoint##*:}
    suite rgw rgw
    late_clock rgw
    round_trips rgw ceph plain versioned locked
    s3_endpoint=http://s3.localhost:$port style=virtual
    suite "rgw, virtual host" rgw basic
    s3_endpoint=$tls_endpoint style=path
    suite "rgw, TLS" rgw basic
    foreign_ca rgw
    configure ceph trip-plain
    round_trip "rgw, TLS"
    s3_endpoint=https://s3.localhost:${tls_endpoint##*:} style=virtual
    suite "rgw, TLS and virtual host" rgw basic
fi

# --- MinIO
uploads() { s3_call GET "trip-plain?${1:+prefix=${1//\//%2F}&}uploads=" | grep -c '<Upload>'; }
until_so() { # until_so COMMAND...: within 20 s
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}
begun() { [ "$(uploads)" = 1 ]; }

if up minio; then
    suite minio minio
    late_clock minio
    round_trips minio minio plain versioned locked

    configure minio trip-plain
    "$pgkeep" backup large --limit-rate 8MiB >/dev/null 2>&1 </dev/null &
    pid=$!
    ok "minio: an upload is under way" until_so begun
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    key=p/$("$pgkeep" list --status running --json | jq -r '.artifacts[0].copies[0].key')
    "$top/tests/support/minio" kill "$service_folder"
    "$top/tests/support/minio" start "$service_folder" >/dev/null
    is "minio: after kill -9 and a restart it lists no uploads" "$(uploads)" 0
    is "minio: but the one of the exact key" "$(uploads "$key")" 1
    run "$pgkeep" backup large
    is "minio: the next run is good" "$status" 0
    is "minio: and has cleared the upload" "$(uploads "$key")" 0
    "$top/tests/support/minio" kill "$service_folder"

    up minio SERVICE_TLS=1 MINIO_DOMAIN=s3.localhost
    suite "minio, TLS" minio basic
    foreign_ca minio
    s3_endpoint=https://s3.localhost:${s3_endpoint##*:} style=virtual
    suite "minio, TLS and virtual host" minio basic
    "$top/tests/support/minio" kill "$service_folder"

    up minio MINIO_API_REQUESTS_MAX=2 MINIO_API_REQUESTS_DEADLINE=1s
    suite "minio, full" minio busy
    "$top/tests/support/minio" kill "$service_folder"
fi

# --- versitygw
if up versitygw; then
    suite versitygw versitygw
    late_clock versitygw
    round_trips versitygw versitygw plain versioned locked
    up versitygw SERVICE_TLS=1 VERSITYGW_DOMAIN=s3.localhost
    suite "versitygw, TLS" versitygw basic
    foreign_ca versitygw
    s3_endpoint=https://s3.localhost:${s3_endpoint##*:} style=virtual
    suite "versitygw, TLS and virtual host" versitygw basic
fi

# --- Swift
if [[ " ${TEST_SERVICES:-} " != *" swift "* ]]; then
    skip swift "only in the long run (scripts/test --long)"
elif up swift; then
    suite swift swift
    # curl cannot sign with a key that holds a colon: the suite's bucket serves again.
    configure other "$(sed -n 's/^# bucket //p' <<<"$out")"
    round_trip swift
fi

finished
