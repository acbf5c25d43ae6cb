#!/usr/bin/env bash
# The n-th S3 request of a fetch, a verification and a restore fails, for n = 1, 2, 3 …: what passes by is repeated
# and the bytes are right; bytes that are wrong are never handed on, and say so.
# shellcheck source=tests/fault/fault.sh
. "$(dirname "$0")/fault.sh"

pg_up main
fake_up sparse=no
createdb shop
# More than one range of a download.
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null -c "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 30) AS words
    FROM generate_series(1, 18500) n"
fresh 1 '"fake"'
run "$pgkeep" backup nightly
is "a backup" "$status" 0
"$pgkeep" fetch latest --output "$work/right" 2>/dev/null
rows=$(psql -AtX -d shop -c "SELECT count(*), sum(hashtext(words)) FROM t")

# Each does its work and says what is wrong after an exit status of 0; what a failure left, otherwise.
do_fetch() {
    rm -f "$work/got"
    within 60 "$pgkeep" fetch latest --output "$work/got"
    if [ "$status" = 0 ]; then cmp "$work/right" "$work/got" 2>&1; else ls "$work/got" 2>/dev/null; fi
}
do_verify() {
    within 60 "$pgkeep" verify latest --level full --json
    [ "$status" != 0 ] || jq -r '.verifications[] | select(.result != "good") | .result' <<<"$out"
}
do_restore() {
    dropdb --if-exists back 2>/dev/null
    within 60 "$pgkeep" restore latest --to "host=$PGHOST port=$PGPORT user=postgres dbname=back" --create
    if [ "$status" = 0 ]; then
        diff <(echo "$rows") <(psql -AtX -d back -c "SELECT count(*), sum(hashtext(words)) FROM t" 2>&1)
    elif [[ $out = *restored* ]]; then
        echo "it says that it restored"
    fi
}

while IFS='|' read -r often command allowed words; do
    [ "$often" = always ] || [ -n "$test_long" ] || continue
    name="$command, $words"
    for ((n = 1; n < 100; n++)); do
        # shellcheck disable=SC2086 # a list of words
        id=$(fake fault "nth=$n" $words)
        found=$("do_$command"; echo "status $status $(head -c 300 "$work/err")")
        status=$(sed -nE 's/^status ([0-9]+) .*/\1/p' <<<"$found" | tail -n 1)
        fake clear >/dev/null
        [ "$(fake fired "$id")" = 1 ] || break
        [[ $status =~ ^(${allowed// /|})$ ]] || trouble "$name, request $n: $found"
        [ "$(head -n 1 <<<"$found" | cut -c1-7)" = "status " ] || trouble "$name, request $n: $found"
        # What a verification has just found may be that the copy is bad: it heals.
        [ "$status" != 6 ] || run "$pgkeep" verify latest
    done
    [ "$status" = 0 ] || trouble "$name: the run without it: $found"
    no_trouble "$name, n = 1 to $((n - 1))"
done <<'END'
always|fetch|0|action=cut_body bytes=100000
long|fetch|0|action=status status=503
always|fetch|0 6|action=flip_body op=GetObject
always|verify|0|action=reset
always|verify|0 5 6|action=flip_body op=GetObject
always|restore|0|action=cut_body bytes=5000000
always|restore|0 5 6|action=flip_body op=GetObject
long|verify|0|action=cut_answer bytes=300
long|verify|0 5|action=status status=403 code=AccessDenied
long|fetch|0 5|action=status status=403 code=AccessDenied
long|restore|0|action=status status=500
long|restore|0|action=cut_answer bytes=50
END
finished_well none
