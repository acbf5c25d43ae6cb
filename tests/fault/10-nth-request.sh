#!/usr/bin/env bash
# The n-th S3 request of a backup fails, for n = 1, 2, 3 … until a run ends without it. What passes by when one tries
# again costs nothing: the backup is whole in every store. A refusal costs one store at most: the others hold a whole
# backup (exit status 8), or nothing at all is to be seen (5). No upload is left open, and nothing hangs.
# PGKEEP_LONG=1: every fault with every kind of backup.
# shellcheck source=tests/fault/fault.sh
. "$(dirname "$0")/fault.sh"

pg_up main
fake_up sparse=no
for name in small large; do createdb "$name"; done
psql -qX -v ON_ERROR_STOP=1 -d small -o /dev/null -c "CREATE TABLE t AS SELECT generate_series(1, 100) AS n"
# More than one part of an upload.
psql -qX -v ON_ERROR_STOP=1 -d large -o /dev/null -c "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 30) AS words
    FROM generate_series(1, 18500) n"

# visible ID: what both stores show of this backup.
visible() { { s3_keys "$prefix/"; folder_files; } | grep -F "$1"; }

# look CONTEXT PASSES: after one run, whose exit status is $status.
look() {
    local context="$1: exit status $status" found id complete
    found=$("$pgkeep" list --json | jq -r '.artifacts[] | .status + " " + .id')
    id=${found#* } complete=$(grep -c '^complete' <<<"$found")
    [ "$(wc -l <<<"$found")" -le 1 ] || trouble "$context: more than one artifact"
    case $status-$complete in
    0-1 | 8-1)
        run "$pgkeep" verify "$id"
        [ "$status" = 0 ] || trouble "$context: verify says $status: $out $err"
        ;;
    5-0) [ -z "$id" ] || [ -z "$(visible "$id")" ] || trouble "$context: there is $(visible "$id")" ;;
    *) trouble "$context, $complete complete artifacts: $err" ;;
    esac
    [ "$(fake uploads)" = 0 ] || trouble "$context: $(fake uploads) uploads are open"
}

# series DATABASE STORES ALLOWED FAULT…: ALLOWED is a regex of exit statuses.
number=0
series() {
    local database=$1 stores=$2 allowed=$3 name n id key context
    shift 3
    name="$database backup to $stores, $*"
    for ((n = 1; n < 100; n++)); do
        number=$((number + 1)) folder=$work/folder-$number prefix=p$number
        export PGKEEP_CATALOG=$work/$number.db
        local to=(--store "s3://bucket/$prefix?endpoint=$fake_endpoint&path_style=true")
        [ "$stores" = s3 ] || to+=(--store "dir:$folder")
        id=$(fake fault "nth=$n" "$@")
        within 60 "$pgkeep" backup --source "host=$PGHOST port=$PGPORT user=postgres dbname=$database" \
            "${to[@]}" --compress none
        fake clear >/dev/null
        context="$name, request $n"
        [ "$(fake fired "$id")" = 1 ] || break
        [[ $status =~ ^($allowed)$ ]] || trouble "$context: exit status $status: $err"
        look "$context"
        forget_all
    done
    [ "$status" = 0 ] || trouble "$name: the run without it ended with $status: $err"
    [ "$n" -gt 12 ] || [[ $* = *method=* ]] || trouble "$name: it ended after $n requests"
    no_trouble "$name, n = 1 to $((n - 1))"
}

# What a small backup costs a bucket that is known, when nothing disturbs it: 4 where a condition is as good as a look.
export PGKEEP_CATALOG=$work/count.db
for provider in other aws; do
    url="s3://bucket/count-$provider?endpoint=$fake_endpoint&path_style=true&provider=$provider"
    for nth in first second; do
        before=$(fake count)
        run "$pgkeep" backup --source "host=$PGHOST port=$PGPORT user=postgres dbname=small" --store "$url"
        is "$provider, $nth backup: exit status" "$status" 0
    done
    [ "$provider" = other ] && most=6 || most=4
    is "$provider: requests of the second backup" "$(($(fake count) - before))" "$most"
done

# shellcheck disable=SC2086 # a list of words
while IFS='|' read -r often database stores allowed words; do
    [ "$often" = always ] || [ -n "$test_long" ] || continue
    series "$database" "$stores" "${allowed// /|}" $words
done <<'END'
always|large|both|0|action=status status=503
long|large|both|0|action=reset bytes=100
always|large|both|0 8|action=status status=403 code=AccessDenied
always|large|s3|0|action=lose_answer
always|small|s3|0|action=cut_answer bytes=20
always|small|s3|0 5|action=status status=403 code=AccessDenied
long|large|both|0|action=lose_answer
long|large|both|0|action=cut_answer bytes=20
long|large|s3|0|action=status status=503 code=SlowDown
long|large|s3|0|action=reset
long|large|s3|0|action=cut_answer bytes=200
long|large|s3|0 5|action=status status=403 code=AccessDenied
long|large|both|0|action=error_in_200 code=InternalError method=PUT
long|large|s3|0|action=error_in_200 code=InternalError method=POST
long|small|s3|0|action=status_early status=500
long|small|s3|0|action=reset bytes=5
long|small|s3|0|action=lose_answer
END
finished_well none
