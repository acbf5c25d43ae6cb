#!/usr/bin/env bash
# Memory is what was announced, whatever the size of the database, and below 200 MiB; nothing of a dump is ever put
# into a temporary file: the process has no file open but its catalog, its lock and the folder store's own .part.
# 200 MB by default, 1 GB with PGKEEP_LONG=1.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

mib=$([ -n "$test_long" ] && echo 1024 || echo 200)
export PGKEEP_CATALOG=$work/catalog.db TMPDIR=$work/tmp
mkdir "$TMPDIR"
pg_up main
rgw_up
s3_bucket backups
createdb shop
# Hashes: what compresses badly fills the parts.
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null -c "CREATE TABLE t AS
    SELECT n, encode(sha512(n::text::bytea), 'base64') || encode(sha512((-n)::text::bytea), 'base64') AS noise
    FROM generate_series(1, $mib * 5500) n"
folder=$work/backups
bucket="s3://backups/p?endpoint=$rgw_endpoint&path_style=true"

# watch PID: every file that it has open outside of /dev and /proc, and the peak of its memory, until it ends.
watch() {
    local fd target
    while kill -0 "$1" 2>/dev/null; do
        for fd in /proc/"$1"/fd/*; do
            target=$(readlink "$fd" 2>/dev/null) || continue
            case $target in /dev/* | /proc/*) ;; /*) [ -d "$target" ] || echo "$target" >>"$work/files" ;; esac
        done
        grep -h VmHWM "/proc/$1/status" 2>/dev/null >"$work/peak.new" && [ -s "$work/peak.new" ] && mv "$work/peak.new" "$work/peak"
    done
}
# What whoever runs this test left open is not pgkeep's doing.
inherited=$(readlink /proc/$$/fd/* 2>/dev/null | grep ^/)
in_kib() { awk '{ unit = $2 ~ /GiB/ ? 1048576 : $2 ~ /MiB/ ? 1024 : 1; printf "%d\n", $1 * unit }'; }

# measure NAME COMMAND…: sets $peak (KiB), $files and $status.
measure() {
    local name=$1 pid
    shift
    rm -f "$work/peak" "$work/files"
    "$@" >"$work/out" 2>"$work/err" </dev/null &
    pid=$!
    watch "$pid"
    wait "$pid"
    is "$name: exit status" $? 0
    peak=$(awk '{ print $2 }' "$work/peak")
    # Until it is pgkeep, the process is this script.
    files=$(grep -vF "$top/tests/" "$work/files" | grep -vxF "$inherited" | sort -u | sed "s|^$work/||" | grep -vE '^(out|err|catalog\.db(-wal|-shm)?)$|\.lock$')
    ok "$name: peak below 200 MiB" test "$peak" -lt 204800
    is "$name: no temporary file" "$(find "$TMPDIR" -type f)" ""
}

while IFS='|' read -r name words; do
    # shellcheck disable=SC2086 # a list of words
    measure "$name" "$pgkeep" backup --source "host=$PGHOST port=$PGPORT user=postgres dbname=shop" \
        --store "dir:$folder" --store "$bucket" $words
    announced=$(sed -nE 's/.*memory for buffers: ([0-9.]+ [KMG]iB) for parts.*, ([0-9.]+ [KMG]iB) for [0-9]+ threads?.*/\1\n\2/p' \
        "$work/err" | in_kib | awk '{ sum += $1 } END { print sum }')
    diag "$name: announced $announced KiB, peak $peak KiB"
    ok "$name: memory was announced" test "$announced" -gt 0
    ok "$name: at most 20 MiB more were used ($peak KiB of $announced)" test "$peak" -le $((announced + 20480))
    like "$name: the folder's own file was seen" "$files" "backups/.*\.part"
    is "$name: and no other file" "$(grep -v "^backups/" <<<"$files")" ""
    id=$(cat "$work/out")
    measure "verify, $name" "$pgkeep" verify "$id"
done <<'END'
gzip|--compress gzip
none|--compress none
zstd, four threads|--compress zstd --threads 4 --parallel 0
END
measure "restore" "$pgkeep" restore "$id" --to "host=$PGHOST port=$PGPORT user=postgres dbname=back" --create --store "${bucket%%\?*}"
is "restore: all rows are there" "$(psql -AtX -d back -c 'SELECT count(*) FROM t')" $((mib * 5500))
finished
