#!/usr/bin/env bash
# pgkeep is killed (-9) while the service holds its n-th request, for n = 1, 2, 3 … until a backup ends without it;
# the request is carried out all the same. Then one more run. There are exactly as many whole backups as there
# should be: the new one, and the killed one if a manifest of it had come into any store. No ghosts in the catalog,
# no object without a backup, no open upload, no partial file.
# shellcheck source=tests/fault/fault.sh
. "$(dirname "$0")/fault.sh"

pg_up main
fake_up sparse=no
createdb shop
# More than one part of an upload.
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null -c "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 30) AS words
    FROM generate_series(1, 18500) n"

manifests() { { s3_keys "$prefix/manifests/"; find "$folder/manifests" -name '*.json' 2>/dev/null; } | grep -oE '[^/]*\.json' | sort -u; }
# The held request of a client that is gone is carried out.
let_go() { # let_go REQUEST
    local tries
    fake release >/dev/null
    for ((tries = 0; tries < 1000; tries++)); do
        [[ $(fake request "$1") =~ ^[A-Za-z]+\ [A-Z]+\ 0\  ]] || return
    done
    trouble "request $1 never ended"
}

number=0
while IFS='|' read -r name stores words; do
    # shellcheck disable=SC2086 # a list of words
    fake set $words >/dev/null
    late=0
    for ((n = 1; n < 100; n++)); do
        number=$((number + 1))
        fresh "$number" "$stores"
        id=$(fake fault "nth=$n" action=hold)
        base=$(fake count)
        "$pgkeep" backup nightly >"$work/out" 2>"$work/err" </dev/null &
        pid=$!
        while [ "$(fake wait 1 100)" = none ] && kill -0 "$pid" 2>/dev/null; do :; done
        kill -9 "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        fake clear >/dev/null
        [ "$(fake fired "$id")" = 1 ] || break
        context="$name, request $n ($(fake request $((base + n)) | cut -d' ' -f1))"
        let_go $((base + n))
        wanted=1
        [ -z "$(manifests)" ] || wanted=2
        late=$((late + wanted - 1))
        in_order "$context" "$wanted"
        forget_all
    done
    [ "$n" -gt 12 ] || trouble "it ended after $n requests"
    no_trouble "$name: killed at request 1 to $((n - 1))"
    ok "$name: some were killed behind the first manifest" test "$late" -gt 0
done <<'END'
a bucket and a folder|"fake", "nas"|uploads_by_exact_key=no
a folder and a bucket, as with MinIO|"nas", "fake"|uploads_by_exact_key=yes
END
# Who recovers cannot know that the held Complete was carried out.
finished_well aborts_after_complete
