#!/usr/bin/env bash
# The n-th write, sync, rename or open below the store's folder and the catalog fails, or is the last thing that
# the process does (KILL), for every n (PGKEEP_LONG=1;
# else for some of them): what is listed as complete verifies, an exit status of 0 is a whole backup, nothing
# crashes or hangs, and the next run puts everything in order. Memory that runs out ends with one clear line.
# shellcheck source=tests/fault/fault.sh
. "$(dirname "$0")/fault.sh"

strace -qq -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when=1 true 2>/dev/null ||
    skip_all "strace cannot be used here"
pg_up main
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null -c "CREATE TABLE t AS SELECT n, md5(n::text) AS words
    FROM generate_series(1, 100) n"
place=$work/now folder=$work/now/backups
export PGKEEP_CONFIG=$work/pgkeep.conf
cat >"$PGKEEP_CONFIG" <<END
catalog = "$place/catalog.db";
sources: { shop: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=shop"; }; };
stores: { nas: { type = "dir"; path = "$folder"; }; };
jobs: { nightly: { source = "shop"; stores = [ "nas" ]; }; };
END
count() { "$pgkeep" list --json | jq '[.artifacts[] | select(.status == "complete")] | length'; }
traced() { # traced STRACE-OPTION…: of the first thread alone; it writes both store and catalog
    within 60 strace -qq -y -o "$work/trace" "$@" "$pgkeep" backup nightly
}

mkdir "$place"
run "$pgkeep" backup nightly
is "a first backup" "$status" 0
cp -a "$place" "$work/base"

# look CONTEXT: after a run with $status and $err.
look() {
    local context="$1: exit status $status" complete
    case $status in
    0) [ "$(count)" = 2 ] || trouble "$context, and $(count) complete backups" ;;
    1 | 3 | 5) [[ $err = *pgkeep:* ]] || trouble "$context, without a word: $err" ;;
    137) [ "$error" = KILL ] || trouble "$context: it hangs" ;;
    *) trouble "$context: $err" ;;
    esac
    seen[$status]=$((${seen[$status]:-0} + 1))
    run "$pgkeep" verify --all
    [ "$status" = 0 ] || trouble "$context: then verify says $status: $out $err"
    run "$pgkeep" backup nightly
    [ "$status" = 0 ] || trouble "$context: the next run ends with $status: $err"
    complete=$(count)
    [ "$(find "$folder/manifests" -name '*.json' | wc -l)" = "$complete" ] ||
        trouble "$context: $complete complete ones, but manifests: $(ls "$folder/manifests")"
    [ "$(find "$folder/data" -type f | wc -l)" = $((complete * 2)) ] ||
        trouble "$context: $complete complete ones, but files: $(find "$folder/data" -type f)"
    [ -z "$(find "$folder" -name '*.part')" ] || trouble "$context: a partial file is left"
}

most=$([ -n "$test_long" ] && echo 1000 || echo 9)
while IFS='|' read -r calls error; do
    declare -A seen=()
    traced -e "trace=$calls"
    mv "$work/trace" "$work/calls"
    # Which of these calls are about our files; not more than $most of them, evenly spread.
    mapfile -t ordinals < <(grep -nF "$place" "$work/calls" | cut -d: -f1 |
        awk -v most="$most" '{ n[NR] = $1 } END { step = NR > most ? NR / most : 1; for (i = 1; int(i) <= NR; i += step) print n[int(i)] }')
    for ordinal in "${ordinals[@]}"; do
        rm -rf "$place"
        cp -a "$work/base" "$place"
        call=$(sed -n "${ordinal}p" "$work/calls" | cut -d'(' -f1)
        nth=$(head -n "$ordinal" "$work/calls" | grep -c "^$call(")
        fault=error=$error
        [ "$error" != KILL ] || fault=signal=KILL
        traced -e "trace=$calls" -e "inject=$call:$fault:when=$nth" 2>/dev/null
        [ "$status" = 137 ] || grep -q INJECTED "$work/trace" || trouble "$call $nth, $error: it was not called"
        look "$call $nth, $error"
    done
    diag "$calls, $error: ${#ordinals[@]} runs; exit statuses: $(for s in "${!seen[@]}"; do echo -n "$s x${seen[$s]} "; done)"
    ok "$calls fail: there were such calls" test "${#ordinals[@]}" -gt 0
    no_trouble "$calls fail with $error"
    rm -rf "$place"
    cp -a "$work/base" "$place"
done <<'END'
write,pwrite64|ENOSPC
write,pwrite64|EIO
fsync,fdatasync|EIO
rename,renameat,renameat2|EIO
openat,open|EIO
mkdir,mkdirat|ENOSPC
write,pwrite64,ftruncate|KILL
fsync,fdatasync|KILL
openat,rename,renameat,renameat2,unlink,unlinkat|KILL
END

# --- memory runs out: at whatever point, one clear line, and nothing that cannot be cleared
fake_up sparse=no
createdb large
psql -qX -v ON_ERROR_STOP=1 -d large -o /dev/null -c "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 30) AS words
    FROM generate_series(1, 18500) n"
unset PGKEEP_CONFIG
export PGKEEP_CATALOG=$work/memory.db
folder=$work/memory
backup_within() { # backup_within MIB
    # shellcheck disable=SC2016 # for the inner shell
    within 60 bash -c 'ulimit -v "$1" && shift && exec "$@"' - $(($1 * 1024)) "$pgkeep" backup \
        --source "host=$PGHOST port=$PGPORT user=postgres dbname=large" --compress none \
        --store "dir:$folder" --store "s3://bucket/p?endpoint=$fake_endpoint&path_style=true"
}
good=0 short=0 step=$([ -n "$test_long" ] && echo 4 || echo 20)
for ((mib = 90; mib <= 330; mib += step)); do
    backup_within "$mib"
    case $status in
    0 | 8) good=$((good + 1)) ;;
    1 | 4 | 5)
        short=$((short + 1))
        [[ $err != *"terminated by user"* ]] || trouble "$mib MiB: pg_dump tells that we ended it: $err"
        [ "$(grep -cE '^pgkeep: .*(memory|thread|allocate|pg_dump)' <<<"$err")" -ge 1 ] || trouble "$mib MiB: exit status $status: $err"
        ;;
    *) trouble "$mib MiB: exit status $status: $err" ;;
    esac
done
diag "memory: $good good backups, $short failed"
ok "memory: it ran out" test "$short" -gt 0
ok "memory: and sufficed" test "$good" -gt 0
backup_within 100000
is "memory: the next run" "$status" 0
is "memory: whole backups" "$(count)" $((good + 1))
is "memory: their files" "$(find "$folder/data" -name '*.sql' | wc -l)" "$(artifact "" '.copies[] | select(.state == "complete" and (.store | startswith("dir"))) | .key' | wc -l)"
is "memory: no partial file, no open upload" "$(find "$folder" -name '*.part' | wc -l) $(fake uploads)" "0 0"
run "$pgkeep" verify --all
is "memory: they verify" "$status" 0
no_trouble "memory: one clear line"
finished_well none
