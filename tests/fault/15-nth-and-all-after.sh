#!/usr/bin/env bash
# From the n-th S3 request on nothing works any more - keys are withdrawn, the service is gone - for n = 1, 2, 3 …
# until a run ends before that. Clean-up fails as well; the next run makes up for it: no open upload, no object
# without a backup, no ghost. The folder holds a whole backup all the while.
# shellcheck source=tests/fault/fault.sh
. "$(dirname "$0")/fault.sh"

pg_up main
fake_up sparse=no
createdb shop
# More than one part of an upload.
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null -c "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 30) AS words
    FROM generate_series(1, 18500) n"

number=0
while IFS='|' read -r often name stores wanted words; do
    [ "$often" = always ] || [ -n "$test_long" ] || continue
    for ((n = 1; n < 100; n++)); do
        number=$((number + 1))
        fresh "$number" "$stores" ' retry_time = "1s";'
        # shellcheck disable=SC2086 # a list of words
        id=$(fake fault "nth=$n" times=always $words)
        within 100 "$pgkeep" backup nightly
        fake clear >/dev/null
        [ "$(fake fired "$id")" != 0 ] || break
        [[ $status =~ ^(0|$wanted)$ ]] || trouble "$name, request $n: exit status $status: $err"
        whole=1
        [ "$status" = 5 ] || whole=2
        in_order "$name, request $n and all after ($status)" "$whole"
        forget_all
    done
    [ "$n" -gt 12 ] || trouble "$name: it ended after $n requests"
    no_trouble "$name: from request 1 to $((n - 1)) on"
done <<'END'
always|both stores, refused|"fake", "nas"|8|action=status status=403 code=AccessDenied
long|a bucket, refused|"fake"|5|action=status status=403 code=AccessDenied
long|a bucket, away|"fake"|5|action=reset
long|both stores, overloaded|"nas", "fake"|8|action=status status=503
END
finished_well aborts_after_complete
