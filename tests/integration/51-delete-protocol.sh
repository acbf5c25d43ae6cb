#!/usr/bin/env bash
# Goal: what is deleted is deleted in the store, in every kind of store; what a store refuses is remembered and tried
# again; a store that is away, another or empty loses nothing; two pruners, readers and signals get along.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/retention.sh
. "$(dirname "$0")/retention.sh"

rgw_up
s3_store() { # s3_store NAME BUCKET [MORE]
    echo "$1: { type = \"s3\"; endpoint = \"${3:-$rgw_endpoint}\"; bucket = \"$2\"; prefix = \"p/\"; path_style = true; retry_time = \"2s\"; };"
}
one_job='nightly: { source = "shop"; stores = [ "ceph" ]; retention = "standard"; };'
standard='standard: { keep_last = 1; guard_percent = 100; };'
use_bucket() { # use_bucket BUCKET KIND COUNT: a catalog and a bucket that holds COUNT backups
    rm -f "$catalog"*
    s3_bucket "$1" "$2" || diag "no bucket $1"
    conf "$(s3_store ceph "$1")" "$standard" "$one_job"
    mark_text | { s3_call PUT "$1/p/pgkeep-store.json" "$(cat)"; }
    backups nightly/shop "$3" ceph | fill
    lay_s3 ceph "$1/p"
}
versions() { s3_call GET "$1?prefix=p%2F&versions=" | grep -oE "<Key>[^<]*$2[^<]*" | wc -l; }
objects() { s3_call GET "$1?list-type=2&prefix=p%2F" | grep -oE "<Key>[^<]*$2[^<]*" | wc -l; }
copy() { keep show "$1" --json && json "$2"; }

# ---- plain bucket ----
use_bucket plain "" 3
s3_call PUT "plain/p2/manifests/$(id_of nightly/shop 1).json" x
s3_call PUT "plain/p/other-things" x
keep prune --yes
is "a bucket: exit status" "$status" 0
is "a bucket: gone and kept" "$(objects plain 01JDNS01) $(objects plain 01JDNS02) $(objects plain 01JDNS03)" "0 0 3"
is "a bucket: prefix p never touches p2/ nor what is not ours" \
    "$(s3_call GET "plain?list-type=2" | grep -oE '<Key>(p2/|p/other)' | wc -l)" 2
is "a bucket: tombstones" "$(copy 01JDNS01 '.status + " " + .copies[0].state')" "deleted deleted"

# ---- versioned bucket: disaster 8 ----
use_bucket versioned versioned 2
lay_s3 ceph versioned/p # everything twice
s3_call DELETE "versioned/p/manifests/$(id_of nightly/shop 1).json"
is "versions: before" "$(versions versioned 01JDNS01)" 7
keep prune --yes
is "disaster 8: of a versioned bucket every version and marker goes (pgbackrest#2201)" \
    "$status $(versions versioned 01JDNS01) $(versions versioned 01JDNS02)" "0 0 6"

# ---- object lock: disaster 8 ----
use_bucket locked locked 3
first=$(id_of nightly/shop 1) second=$(id_of nightly/shop 2)
until=$(date -u -d '+20 seconds' +%FT%TZ)
s3_call PUT "locked/p/manifests/$first.json" "$first" -H "x-amz-object-lock-mode: GOVERNANCE" \
    -H "x-amz-object-lock-retain-until-date: $until"
s3_call PUT "locked/p/manifests/$second.json" "$second" -H "x-amz-object-lock-legal-hold: ON"
keep prune --yes --json
is "a locked object is no failure" "$status" 0
is "Q6: locked, with the date" "$(copy 01JDNS01 '.copies[0] | .state + " " + .deletion.locked_until')" "locked $until"
is "a legal hold has no date" "$(copy 01JDNS02 '.copies[0] | .state + " " + (.deletion.locked_until // "none")')" "locked none"
is "Q2: what a manifest names stays as long as the manifest" "$(objects locked 01JDNS01)" 3
keep prune
like "the plan shows it" "$out" "LOCKED +01JDNS01.*object lock until ${until%T*}"
keep prune --yes
is "before its date it is left in peace" "$(copy 01JDNS01 '.copies[0].deletion.attempts')" 1
while [ "$(date -u +%FT%TZ)" \< "$until" ] || [ "$(date -u +%FT%TZ)" = "$until" ]; do sleep 0.5; done
keep prune --yes
is "Q6: and goes after it" "$status $(versions locked 01JDNS01)" "0 0"
version=$(s3_call GET "locked?prefix=p%2Fmanifests%2F$second&versions=" | grep -oE '<VersionId>[^<]*' | head -n 1 | cut -c12-)
s3_call PUT "locked/p/manifests/$second.json?legal-hold=&versionId=$version" \
    '<LegalHold xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>OFF</Status></LegalHold>' >/dev/null
keep delete 01JDNS02 --yes
is "a legal hold that was lifted: delete does not wait for the date" "$status $(versions locked 01JDNS02)" "0 0"

# ---- a store that refuses ----
use_bucket refusing "" 2
s3_call PUT "refusing?policy=" '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::refusing/*"}]}' >/dev/null
keep prune --yes
is "refused without a lock: exit status" "$status" 8
is "disaster 5: what a store refuses keeps its row, blocked (Databasus)" "$(copy 01JDNS01 '.copies[0].state')" blocked
like "and the alarm names it" "$err" "refuses to delete $first: 403 AccessDenied"
s3_call DELETE "refusing?policy=" >/dev/null
keep delete 01JDNS01 --yes
is "tried again by hand" "$status $(objects refusing 01JDNS01)" "0 0"

# ---- disaster 6: one store down does not stop the others (pgbackweb#50) ----
two_jobs='nightly: { source = "shop"; stores = [ "ceph", "nas" ]; retention = "standard"; };'
use_bucket down "" 0
mark_dir "$work/nas"
nas="nas: { type = \"dir\"; path = \"$work/nas\"; };"
conf "$nas $(s3_store ceph down)" "$standard" "$two_jobs"
backups nightly/shop 3 ceph nas | fill
lay_s3 ceph down/p
lay_dir nas "$work/nas"
keep prune --json && before=$(json .plan_hash)
rgw_gateway stop
keep prune --yes
is "disaster 6: a store that is down: exit status" "$status" 8
like "disaster 6: it is named" "$out" "SKIPPED store ceph"
is "disaster 6: the other store is pruned" "$(files "$work/nas" 01JDNS01) $(files "$work/nas" 01JDNS03)" "0 3"
is "disaster 6: there nothing is decided" "$(state ceph)" "01:complete 02:complete 03:complete"
rgw_gateway start
keep prune --yes
is "disaster 6: and later it is" "$status $(objects down 01JDNS01) $(objects down 01JDNS03)" "0 0 3"
[ -n "$before" ] || fail "no plan"

# ---- a bucket that is gone ----
use_bucket vanishing "" 2
keep prune
s3_call GET "vanishing?list-type=2" | grep -oE '<Key>[^<]*' | cut -c6- | while read -r key; do s3_call DELETE "vanishing/$key"; done
s3_call DELETE vanishing
keep prune --yes
is "Q10: NoSuchBucket: exit status" "$status" 5
is "Q10: NoSuchBucket deletes nothing" "$(state ceph)" "01:complete 02:complete"

# ---- another bucket under the same name ----
use_bucket swapped "" 2
keep prune
mark_text | { s3_call PUT "swapped/p/pgkeep-store.json" "$(cat)"; }
keep prune --yes
is "G8: another's mark: exit status" "$status" 5
is "G8: another's mark: nothing is decided, nothing goes" "$(state ceph) $(objects swapped 01JDNS01)" "01:complete 02:complete 3"
s3_call DELETE "swapped/p/pgkeep-store.json"
keep prune --yes
is "G8: no mark at all" "$status $(state ceph) $(objects swapped 01JDNS01)" "5 01:complete 02:complete 3"
like "G8: and what to do" "$err" "doctor --adopt ceph"

# ---- disaster 9: an unmounted disk ----
rm -rf "$catalog"* "$work/nas"
mark_dir "$work/nas"
conf "$nas" "$standard" 'nightly: { source = "shop"; stores = [ "nas" ]; retention = "standard"; };'
backups nightly/shop 3 nas | fill
lay_dir nas "$work/nas"
keep prune
mv "$work/nas" "$work/unmounted"
keep prune --yes
is "disaster 9: a folder that is not there" "$status $(state nas)" "5 01:complete 02:complete 03:complete"
mkdir "$work/nas"
keep prune --yes
is "disaster 9: an empty mount point" "$status $(state nas)" "5 01:complete 02:complete 03:complete"
is "disaster 9: and it stays empty" "$(ls -A "$work/nas")" ""
keep sweep --orphans
is "disaster 9: nor does a sweep believe it" "$status $(state nas)" "5 01:complete 02:complete 03:complete"
rmdir "$work/nas" && mv "$work/unmounted" "$work/nas"

# ---- two at once ----
(
    flock 9
    run "$pgkeep" --config "$config" prune --yes
    echo "$status $err" >"$work/second"
    run "$pgkeep" --config "$config" prune
    echo "$status" >"$work/third"
) 9>"$catalog.lock"
like "Q12: the second pruner: exit status, and why" "$(cat "$work/second")" "^7 pgkeep: another command removes backups"
is "a dry run needs no lock" "$(cat "$work/third")" 0
is "Q12: it removed nothing" "$(files "$work/nas" 01JDNS01)" 3

# ---- SIGTERM ----
if strace -f -o /dev/null true 2>/dev/null; then
    ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null -e trace=unlinkat -e inject=unlinkat:delay_enter=400000 \
        "$pgkeep" --config "$config" prune --yes >/dev/null 2>&1 </dev/null &
    tracer=$!
    until [ "$(files "$work/nas" 01JDNS01)" != 3 ]; do sleep 0.05; done
    kill -TERM "$(pgrep -P "$tracer")"
    wait "$tracer"
    status=$?
    is "Q13: SIGTERM: exit status" "$status" 143
    is "Q13: what was begun is on its way out" "$(state nas | grep -o deleting | sort -u) $(files "$work/nas" 01JDNS03)" "deleting 3"
    keep sweep
    is "Q13: a sweep finishes it" "$status $(files "$work/nas" 01JDNS01) $(files "$work/nas" 01JDNS02) $(state nas)" "0 0 0 03:complete"
else
    skip "Q13: SIGTERM" "no strace"
fi

# ---- the store's clock and ours ----
if [ -n "$faketime" ]; then
    use_bucket clocks "" 2
    run env LD_PRELOAD="$faketime" FAKETIME=+10m "$pgkeep" --config "$config" prune --yes
    is "G4: a clock ten minutes ahead of the store's" "$status $(objects clocks 01JDNS01)" "9 3"
    like "G4: and why" "$err" "a clock that disagrees \\(G4\\): here it is .* ahead of that of the store"
fi

# ---- real backups: a reader during a prune, and pruning after a backup ----
pg_up main
noise_db shop 20000
rm -rf "$catalog"* "$work/nas"
s3_bucket real
real_conf() { # real_conf MORE
    conf "nas: { type = \"dir\"; path = \"$work/nas\"; }; $(s3_store ceph real)" "$standard" \
        "nightly: { source = \"shop\"; stores = [ \"nas\", \"ceph\" ]; retention = \"standard\"; compress = \"none\"; $1 };"
    sed -i "s#dbname=shop#host=$PGHOST port=$PGPORT user=postgres dbname=shop#" "$config"
}
real_conf ""
keep backup nightly && old=$out
keep backup nightly && new=$out
mkfifo "$work/pipe"
"$pgkeep" --config "$config" fetch "$old" --store nas --output - >"$work/pipe" 2>"$work/fetch.err" &
reader=$!
exec 8<"$work/pipe"
head -c 10 <&8 >"$work/head"
keep prune --yes --json
is "disaster 7: what is being read stays (barman#200)" \
    "$status $(json "[.copies[] | select(.id == \"$old\") | .store + \":\" + .verdict] | sort | join(\" \")")" "0 ceph:prune nas:keep"
is "disaster 7: and says so" "$(json "[.copies[] | select(.id == \"$old\" and .store == \"nas\") | .reasons[]] | join(\"\")" | grep -o leased)" leased
keep delete "$old" --store nas --yes
is "delete of one that is being read" "$status" 9
cat <&8 >"$work/rest"
exec 8<&-
wait "$reader"
is "disaster 7: the reader gets all of it" "$? $(cat "$work/head" "$work/rest" | sha256sum | cut -d' ' -f1)" \
    "0 $("$pgkeep" --config "$config" show "$old" --json | jq -r .sha256)"
keep prune --yes
is "and then it goes" "$status $(files "$work/nas" "$old")" "0 0"
keep delete "$new" --yes
is "the last good one stays" "$status" 9

real_conf "prune_after_backup = true;"
keep backup nightly
is "prune_after_backup" "$status $(copy "$new" .status)" "0 deleted"
newest=$(keep list --json && json '.artifacts[0].id')
ok "the newest verifies in both stores" "$pgkeep" --config "$config" verify "$newest"
exec 9>"$catalog.lock" && flock 9
keep backup nightly
is "a pruner that is at work does not fail the backup" "$status" 0
like "but is told" "$err" "warning: pruning after the backup: another command"
exec 9>&-
sed -i 's/guard_percent = 100/guard_percent = 1; guard_min_count = 0/' "$config"
keep backup nightly
is "G3 is a warning after a backup" "$status" 0
like "G3: and is told" "$err" "warning: nothing was pruned where a guard refuses it: .*G3"
# ---- a catalog made anew decides the same ----
conf "nas: { type = \"dir\"; path = \"$work/nas\"; }; $(s3_store ceph real)" \
    "standard: { keep_last = 3; guard_percent = 100; }; short: { keep_last = 1; guard_percent = 100; };" \
    "nightly: { source = \"shop\"; stores = [ \"nas\", \"ceph\" ]; retention = \"standard\"; store_retention: { nas = \"short\"; }; compress = \"none\"; };"
sed -i "s#dbname=shop#host=$PGHOST port=$PGPORT user=postgres dbname=shop#" "$config"
keep prune --yes
keep backup nightly
keep pin "$out" --reason "rebuilt, too"
rgw_gateway stop
keep backup nightly
is "one that only one store got" "$status" 8
rgw_gateway start
keep backup nightly
keep prune --json
hash=$(json .plan_hash) shown=$(json '[.copies[] | .store + .id + .verdict] | sort | join(" ")' | sed 's/[^ ]*ignore *//g')
like "a store that lacks one is waited for" "$out" "pending copy to ceph"
mv "$catalog" "$work/lost.db" && rm -f "$catalog"-*
keep catalog rebuild
is "rebuild: exit status" "$status" 0
keep prune --json
is "a catalog made anew gives the same plan" "$(json '[.copies[] | .store + .id + .verdict] | sort | join(" ")' | sed 's/[^ ]*ignore *//g')" "$shown"
is "and the same hash" "$(json .plan_hash)" "$hash"
finished
