# shellcheck shell=bash
# shellcheck disable=SC2154 # work, pgkeep, s3_endpoint, services: of run and lib.sh
# table.sh - the rows of the table that speed is promised by, in one run; sourced by run.
#
# Each group alternates by itself, and its ratios are to its own base in the same round: `pg_dump > /dev/null`, the usual
# pipeline, the fastest other client, the same without latency. What is not installed is left out with a sentence.

# latency_up: haproxy in front of $s3_endpoint: $slow_endpoint answers each request $delay_ms later, $counted_endpoint at
# once; what either sends to its clients is told in $work/haproxy.log, a line for each request: its bytes.
delay_ms=${BENCH_DELAY_MS:-150}
latency_up() {
    local slow counted tries
    [ -z "${slow_endpoint:-}" ] || return 0
    has haproxy || { echo "bench: haproxy is not installed: rows with latency and bytes read are left out" >&2 && return 1; }
    slow=$(free_port)
    counted=$(free_port)
    cat >"$work/delay.lua" <<END
core.register_action("delay", { "http-req" }, function(txn) core.msleep($delay_ms) end)
END
    cat >"$work/haproxy.cfg" <<END
global
    log stdout format raw local0
    lua-load $work/delay.lua
defaults
    mode http
    log global
    log-format "%B %HM %ST"
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend slow
    bind 127.0.0.1:$slow
    http-request lua.delay
    default_backend service
frontend counted
    bind 127.0.0.1:$counted
    default_backend service
backend service
    server service ${s3_endpoint#http://}
END
    haproxy -db -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>"$work/haproxy.err" &
    at_exit+=("kill $!")
    for ((tries = 0; tries < 100; tries++)); do
        if curl -s -o /dev/null "http://127.0.0.1:$counted/"; then
            slow_endpoint=http://127.0.0.1:$slow counted_endpoint=http://127.0.0.1:$counted
            # A prefix of its own: two addresses of one store would be one store.
            slow_store="s3://bench/slow?endpoint=$slow_endpoint&path_style=true&provider=ceph"
            return 0
        fi
        sleep 0.1
    done
    echo "bench: haproxy does not start: $(tail -n 1 "$work/haproxy.err")" >&2
    return 1
}

# Of pgkeep's rows so far, for the last line of the table.
keep_peaks() { grep -P '^(pgkeep|gzip|zstd|restore|small|1 GB)' "$work/rows" >>"$work/peaks"; }

# backup_row NAME STORE OPTIONS
backup_row() { row "$1" "'$pgkeep' backup --quiet --source '$source' --store '$2' $3"; }
folder_row() { # what the last round left is removed, all but the mark: milliseconds
    row "$1" "rm -rf '$work/folder/data' '$work/folder/manifests'; '$pgkeep' backup --quiet --source '$source' --store 'dir:$work/folder' $2"
}

table_dump() {
    : >"$work/commands"
    row "pg_dump > /dev/null" "pg_dump shop >/dev/null"
    backup_row "gzip, one worker, to S3 (RGW)" "$store" "--parallel 1"
    backup_row "gzip, two workers, to S3 (RGW)" "$store" "--parallel 2"
    backup_row "zstd, two workers, to S3 (RGW)" "$store" "--parallel 2 --compress zstd"
    folder_row "gzip, two workers, to a folder" "--parallel 2"
    if [ -n "${slow_store:-}" ]; then
        backup_row "1 GB without latency" "$store" ""
        backup_row "1 GB with $delay_ms ms a request" "$slow_store" ""
    fi
    title "Dump: $(psql -AtX -d shop -c "SELECT pg_size_pretty(pg_database_size('shop'))"), $rounds rounds, medians; ratios to pg_dump > /dev/null"
    alternate "$work/commands"
    ratios "pg_dump > /dev/null"
    keep_peaks
}

# A store's first use makes it one, and asks what else lies there; that is no part of any row.
stores_up() {
    local store_url small=${source/dbname=shop/dbname=small}
    createdb small
    psql -qX -d small -c "CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 1000) n"
    mkdir -p "$work/folder"
    latency_up
    for store_url in "$store" "dir:$work/folder" ${slow_store:+"$slow_store"}; do
        "$pgkeep" backup --quiet --source "$small" --store "$store_url" >/dev/null || skip_all "the first backup failed"
    done
}

table_small() {
    [ -n "${slow_store:-}" ] || return 0
    local source=${source/dbname=shop/dbname=small}
    : >"$work/commands"
    backup_row "small backup" "$store" ""
    backup_row "small backup with $delay_ms ms a request" "$slow_store" ""
    backup_row "small backup to a bucket and a folder, $delay_ms ms" "$slow_store" "--store 'dir:$work/folder'"
    title "A small backup"
    alternate "$work/commands"
    ratios "small backup"
    keep_peaks
}

table_restore() {
    local id key aws="aws --endpoint-url $s3_endpoint s3" again="dropdb --if-exists copy 2>/dev/null; createdb copy"
    local target=${source/dbname=shop/dbname=copy}
    id=$("$pgkeep" backup --quiet --source "$source" --store "$store") || skip_all "the backup failed"
    key=pgkeep/$("$pgkeep" show "$id" --json | jq -r '.copies[0].key')
    pg_dump -Fd -j2 -Z1 -f "$work/dump-folder" shop || skip_all "pg_dump -Fd failed"
    : >"$work/commands"
    has aws && peer aws "aws s3 cp - | gunzip | psql" "$again; $aws cp s3://bench/$key - | gunzip | psql -qX -v ON_ERROR_STOP=1 -d copy -o /dev/null"
    row "restore, two workers" "$again; '$pgkeep' restore --quiet $id --to '$target' --parallel 2"
    row "pg_restore -j2 of a local folder" "$again; pg_restore -j2 -d copy '$work/dump-folder'"
    title "Restore of the same, from S3 (RGW)"
    alternate "$work/commands"
    ratios "$(cut -f1 "$work/commands" | head -n 1)"
    keep_peaks
    table_part "$id"
    rm -rf "$work/dump-folder"
    dropdb --if-exists copy
}

# One table of 5 MB: how long, and how many bytes of the store were read for it.
table_part() {
    local before after stored
    # Its catalog has the store under the address that the copy was made with; by URL it is read through the counter.
    local by="--store 's3://bench/pgkeep?endpoint=${counted_endpoint:-$s3_endpoint}&path_style=true&provider=ceph'"
    : >"$work/commands"
    row "restore of one 5 MB table" "'$pgkeep' restore --quiet $1 $by --table public.small_part --to '${source/dbname=shop/dbname=part}'"
    title "One table of $(psql -AtX -d shop -c "SELECT pg_size_pretty(pg_table_size('public.small_part'))") of the same, into an empty database"
    local rounds_before=$rounds n
    rounds=1
    : >"$work/part-rows"
    for ((n = 0; n < rounds_before; n++)); do
        dropdb --if-exists part 2>/dev/null
        createdb part
        before=$(bytes_sent)
        alternate "$work/commands"
        after=$(bytes_sent)
        cat "$work/rows" >>"$work/part-rows"
    done
    rounds=$rounds_before
    cp "$work/part-rows" "$work/rows"
    ratios "restore of one 5 MB table"
    keep_peaks
    stored=$("$pgkeep" restore "$1" --list --json --table public.small_part 2>/dev/null | jq -r '.stored_bytes // .bytes_stored // empty' 2>/dev/null)
    [ -z "${counted_endpoint:-}" ] || echo "read from the store: $(((after - before) >> 10)) KiB${stored:+; its chunks are $((stored >> 10)) KiB}"
}
bytes_sent() { [ ! -e "$work/haproxy.log" ] || awk '{n += $1} END {printf "%d", n}' "$work/haproxy.log"; }

table_minio() {
    [ -x "$services/minio" ] || { echo "bench: MinIO is not there (scripts/install-services minio): its rows are left out" >&2 && return 0; }
    BENCH_S3=minio service_up
    : >"$work/commands"
    row "pg_dump > /dev/null" "pg_dump shop >/dev/null"
    backup_row "gzip, one worker, to S3 (MinIO)" "$store" "--parallel 1"
    title "Dump to MinIO"
    alternate "$work/commands"
    ratios "pg_dump > /dev/null"
    keep_peaks
    BENCH_S3=minio BENCH_RAW_MB=${BENCH_RAW_MB:-2048} bench_raw_up
    keep_peaks
}

bench_table() {
    # Nothing is removed between rounds: five of 1 GB are some 10 GB, in a sparse file.
    export RGW_SIZE_GIB=${RGW_SIZE_GIB:-40}
    BENCH_S3=rgw service_up
    store="$store&provider=ceph"
    database_up
    psql -qX -v ON_ERROR_STOP=1 -d shop -c "CREATE TABLE public.small_part AS SELECT n, md5(n::text) AS a, md5((n * 3)::text) AS b FROM generate_series(1, 45000) n" ||
        skip_all "the data failed"
    : >"$work/peaks"
    stores_up
    table_dump
    table_small
    table_restore
    table_minio
    title "Peak memory of pgkeep's rows"
    sort -t$'\t' -k4,4n "$work/peaks" | tail -n 1 | awk -F'\t' '{printf "%d MiB: %s\n", $4, $1}'
}
