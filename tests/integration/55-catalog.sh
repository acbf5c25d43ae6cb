#!/usr/bin/env bash
# The catalog is only an index: made anew from the stores it is the same; two machines that share a bucket see each
# other's backups and pins; what does not fit together is found and nothing is deleted for it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
rgw_up
s3_bucket backups
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null -c "CREATE TABLE t AS SELECT n, md5(n::text) AS name FROM generate_series(1, 20000) n"
folder=$work/nas
config() { # config FILE CATALOG STORE...
    local stores=${*:3} nas=""
    [ "$3" != nas ] || nas="nas: { type = \"dir\"; path = \"$folder\"; };"
    cat >"$1" <<END
catalog = "$2";
sources: { shop: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=shop"; }; };
stores: { $nas
          ceph: { type = "s3"; endpoint = "$rgw_endpoint"; bucket = "backups"; prefix = "p/"; path_style = true; }; };
policies: { standard: { keep_last = 2; }; };
jobs: { nightly: { source = "shop"; stores = [ "${stores// /\", \"}" ]; retention = "standard"; }; };
END
}
config "$work/one.conf" "$work/one.db" nas ceph
one() { run "$pgkeep" --config "$work/one.conf" "$@"; }
listed() { # what every machine must agree on
    "$pgkeep" --config "$work/$1.conf" list --json | jq -S '[.artifacts[] | select(.status == "complete")]'
}
plan() { "$pgkeep" --config "$work/$1.conf" prune --json | jq -r .plan_hash; }
sql_of() { "$pgkeep" --config "$work/$1.conf" fetch "$2" --decode --output - | sha256sum; }

# --- rebuild: the same as before
for n in 1 2 3 4; do one backup nightly --name "no $n" --tag "n=$n"; done
is "backups were taken" "$status" 0
first=$("$pgkeep" --config "$work/one.conf" list --json | jq -r '.artifacts[-1].id')
second=$("$pgkeep" --config "$work/one.conf" list --json | jq -r '.artifacts[-2].id')
one pin "$first" --until 2099-01-02 --reason 'before "migration"'
is "pin" "$status" 0
like "pin: what it says" "$out" "^$first .*is pinned until 2099-01-02 00:00:00\+00: before "
one pin "$second"
one unpin "$second"
one verify "$second"
before=$(listed one) hash=$(plan one) sql=$(sql_of one "$second")
like "there is a plan" "$hash" '^[0-9a-f]{16}$'
mv "$work/one.db" "$work/lost.db"
rm -f "$work/one.db-wal" "$work/one.db-shm"
one catalog rebuild --json
is "rebuild without a catalog" "$status" 0
is "rebuild: how many" "$(jq -c '[.artifacts, .damaged, .kept, (.stores | length)]' "$work/out")" '[4,0,null,2]'
is "rebuild: the list is the same" "$(listed one)" "$before"
is "rebuild: the plan is the same" "$(plan one)" "$hash"
is "rebuild: the bytes are the same" "$(sql_of one "$second")" "$sql"
is "rebuild: the pin is the same" "$("$pgkeep" --config "$work/one.conf" show "$first" --json | jq -c '[.pin.until, .pin.reason]')" \
    '["2099-01-02T00:00:00Z","before \"migration\""]'
createdb again
one restore "$second" --to "host=$PGHOST port=$PGPORT user=postgres dbname=again"
is "rebuild: restore works" "$status" 0
one verify --all
is "rebuild: verify works" "$status" 0
psql -qX -d shop -c "DELETE FROM t WHERE n > 10"
one backup nightly
is "rebuild: backup works" "$status" 0
is "rebuild: it knows what is normal" "$("$pgkeep" --config "$work/one.conf" list --json | jq '.artifacts[0].suspect')" true
is "rebuild: sequences go on" "$("$pgkeep" --config "$work/one.conf" list --json | jq '[.artifacts[].seq] | (unique | length) == length and max == 5')" true
before=$(listed one)

# --- rebuild over a catalog that is there, is kept, or is rubbish
one catalog rebuild
is "rebuild again" "$status" 0
is "the old one is kept" "$(sqlite3 "$(echo "$work"/one.db.before-*)" 'SELECT count(*) FROM artifacts')" 5
is "rebuild again: the list is the same" "$(listed one)" "$before"
rm -f "$work"/one.db.before-* "$work/one.db-wal" "$work/one.db-shm"
head -c 100000 /dev/urandom >"$work/one.db"
one list
is "rubbish for a catalog" "$status" 6
one catalog rebuild
is "rebuild over rubbish" "$status" 0
is "the rubbish is kept" "$(stat -c %s "$work"/one.db.before-*)" 100000
is "rebuild over rubbish: the list is the same" "$(listed one)" "$before"

# --- nothing is made of half the truth
rgw_gateway stop
one catalog rebuild
is "rebuild with a store away" "$status" 5
is "rebuild with a store away: the list is the same" "$(listed one)" "$before"
isnt_there "nothing half-made is left" "$work/one.db.rebuild"
rgw_gateway start >/dev/null
mv "$folder" "$folder.away"
one catalog rebuild
is "rebuild with a folder away" "$status" 5
mkdir "$folder"
one catalog rebuild
is "rebuild from an empty folder" "$status" 9
rmdir "$folder"
mv "$folder.away" "$folder"
rm -rf "$work/none"
mkdir "$work/none"
echo '{"pgkeep_manifest": 1}' >"$folder/manifests/01JD7XK2M40000000000000000.json"
one catalog rebuild
is "a damaged manifest is passed over" "$status" 8
like "a damaged manifest is named" "$err" "manifests/01JD7XK2M40000000000000000.json.*passed over"
is "a damaged manifest: the rest is there" "$(listed one)" "$before"
rm "$folder/manifests/01JD7XK2M40000000000000000.json"
cat >"$work/none.conf" <<END
catalog = "$work/none.db";
END
run "$pgkeep" --config "$work/none.conf" catalog rebuild --store "s3://backups/p?endpoint=$rgw_endpoint&path_style=true"
is "rebuild from a URL alone" "$status" 0
is "rebuild from a URL alone: all are there" "$("$pgkeep" --config "$work/none.conf" list --json | jq '.artifacts | length')" 5
run "$pgkeep" --config "$work/none.conf" fetch "$second" --output "$work/none/file"
is "rebuild from a URL alone: fetch works" "$status" 0
# --- two machines, one bucket
config "$work/two.conf" "$work/two.db" ceph
two() { run "$pgkeep" --config "$work/two.conf" "$@"; }
only() { jq -S "[.[] | .copies |= map(select(.store == \"ceph\"))]" <<<"$1"; }
two catalog sync
is "sync of a new machine" "$status" 0
is "sync: what the other machine did is there" "$(listed two)" "$(only "$(listed one)")"
two backup nightly
second=$(cat "$work/out")
one catalog sync --json
is "sync back" "$status" 0
is "sync: one backup came" "$(jq -c '[.stores[] | select(.store == "ceph") | .artifacts, .copies, .missing]' "$work/out")" "[1,1,0]"
is "sync: it is the same here" "$(only "$(listed one)")" "$(listed two)"
one fetch "$second" --output "$work/none/second"
is "sync: it can be read" "$status" 0
one pin "$second" --reason "by one"
two catalog sync
is "sync: a pin came" "$("$pgkeep" --config "$work/two.conf" show "$second" --json | jq -r .pin.reason)" "by one"
two pin "$second" --reason "by two"
one unpin "$second"
two catalog sync
is "sync: the later decision wins" "$("$pgkeep" --config "$work/two.conf" show "$second" --json | jq -r .pinned)" false
two verify "$second"
one catalog sync
is "sync: a verification came" "$("$pgkeep" --config "$work/one.conf" show "$second" --json | jq -r '.copies[0].verified != null')" true

# a pin that only the catalog knows goes to the store before another catalog is made of it
rgw_gateway stop
one pin "$second" --reason "before the rebuild"
rgw_gateway start >/dev/null
one catalog rebuild
is "rebuild: a pin that the store was not told of is kept" \
    "$status $("$pgkeep" --config "$work/one.conf" show "$second" --json | jq -r .pin.reason)" "0 before the rebuild"

# a pin while the store is away is told later
rgw_gateway stop
one pin "$second" --reason "offline"
is "pin with the store away" "$status" 8
rgw_gateway start >/dev/null
one catalog sync
two catalog sync
is "sync: it is told later" "$("$pgkeep" --config "$work/two.conf" show "$second" --json | jq -r .pin.reason)" "offline"
two unpin "$second"

# what one deletes is missing for the other, not deleted, and does not come back
two delete "$second" --yes
is "machine two deletes" "$status" 0
one catalog sync
is "sync: missing" "$("$pgkeep" --config "$work/one.conf" show "$second" --json | jq -r '.copies[0].state')" missing
two catalog sync
is "sync: what was deleted stays so" "$("$pgkeep" --config "$work/two.conf" list --status deleted --json | jq -r '.artifacts[].id')" "$second"

# nothing is concluded from an empty listing
before=$(listed one)
mv "$folder/manifests" "$work/manifests"
one catalog sync --store nas
is "sync with no manifest at all" "$status" 8
like "sync with no manifest at all: says so" "$err" "nothing is concluded"
is "sync with no manifest at all: nothing changed" "$(listed one)" "$before"
mv "$work/manifests" "$folder/manifests"
mv "$folder/manifests/$first.json" "$work/"
one catalog sync --store nas
is "sync: one manifest gone" "$(listed one | jq -r ".[] | select(.id == \"$first\") | [.copies[] | .store + \" \" + .state] | join(\", \")")" \
    "ceph complete, nas missing"
mv "$work/$first.json" "$folder/manifests/"
one catalog sync --store nas
is "sync: it is back" "$(listed one)" "$before"

# a store that is configured and was never used
mkdir "$work/spare"
sed "s|nas:|spare: { type = \"dir\"; path = \"$work/spare\"; }; nas:|" "$work/one.conf" >"$work/spare.conf"
for action in sync rebuild; do
    run "$pgkeep" --config "$work/spare.conf" catalog "$action"
    is "$action with a store that was never used" "$status" 0
    like "$action with a store that was never used: says so" "$err" "spare.*no backups of pgkeep"
done
one catalog sync

# --- check: reports, and deletes nothing
found() { jq -c '[.stores[].findings[] | [.kind, .id]] | sort' "$work/out"; }
key() { "$pgkeep" --config "$work/one.conf" show "$1" --json | jq -r ".copies[] | select(.store == \"nas\") | .$2"; }
files() { find "$folder" -type f -printf '%P %s\n' | sort; }
one catalog check
is "check: clean" "$status" 0
like "check: and what was compared is the result" "$out" "no findings|0 findings"
one catalog check --store nas --json
is "check: a clean store" "$status $(found)" "0 []"
third=$("$pgkeep" --config "$work/one.conf" list --store nas --json | jq -r '.artifacts[-3].id')
orphan=data/shop/shop/2026/shop-full-20260101T000000Z-01KDVC0M00ABCDEFGHJKMNPQRS.sql.gz
echo "not ours" >"$folder/data/README"
echo x >"$folder/$orphan"
echo x >>"$folder/$(key "$first" key)"
mv "$folder/$(key "$third" key)" "$work/third"
mv "$folder/manifests/$third.json" "$work/"
touch -d "8 days ago" "$folder/data/shop/shop/2026/.01KDVC0M00ABCDEFGHJKMNPQRT.part"
before=$(files)
one catalog check --store nas --json
is "check: exit status" "$status" 6
is "check: all that is wrong" "$(found)" "$(jq -cn --arg a "$first" --arg c "$third" '[["orphan", "01KDVC0M00ABCDEFGHJKMNPQRS"],
    ["open_upload", "01KDVC0M00ABCDEFGHJKMNPQRT"], ["wrong_size", $a], ["no_data", $c], ["no_manifest", $c]] | sort')"
is "check: the size" "$(jq -c '.stores[].findings[] | select(.kind == "wrong_size") | .found_bytes - .expected_bytes' "$work/out")" 2
is "check: nothing was deleted" "$(files)" "$before"
one catalog check --store nas
like "check: as text" "$out" "nas +orphan +$orphan +data object that belongs to nothing"
s3_call PUT "backups/p/$orphan" x >/dev/null
s3_call POST "backups/p/$orphan?uploads=" >/dev/null
one catalog check --store ceph --json
like "check: an orphan in a bucket" "$(found)" '"orphan","01KDVC0M00ABCDEFGHJKMNPQRS"'
unlike "check: a young upload may be another machine's" "$(found)" 'open_upload'
truncate -s -2 "$folder/$(key "$first" key)"
mv "$work/third" "$folder/$(key "$third" key)"
mv "$work/$third.json" "$folder/manifests/"
rm "$folder/$orphan" "$folder"/data/shop/shop/2026/.*.part
one catalog check --store nas
is "check: clean again" "$status" 0
two backup nightly
one catalog check --store ceph --json
like "check: what sync would take in" "$(found)" "\"unknown\",\"$("$pgkeep" --config "$work/two.conf" list --json | jq -r '.artifacts[0].id')"

# --- what was found broken stays broken for a rebuilt catalog, until somebody finds it good
state_of() { "$pgkeep" --config "$work/one.conf" show "$first" --json | jq -r '.copies[] | select(.store == "nas") | .state + " " + (.verified != null | tostring)'; }
one verify "$first" --store nas
is "before: it is good and proven" "$(state_of)" "complete true"
cp "$folder/$(key "$first" key)" "$work/whole"
printf '\x55' | dd of="$folder/$(key "$first" key)" bs=1 seek=700 conv=notrunc status=none
one verify "$first" --store nas
is "found broken" "$status $(state_of)" "6 damaged false"
rm -f "$work"/one.db*
one catalog rebuild
is "a rebuilt catalog knows that it is broken" "$(state_of)" "damaged false"
cp "$work/whole" "$folder/$(key "$first" key)"
one verify "$first" --store nas
rm -f "$work"/one.db*
one catalog rebuild
is "found good again: for a rebuilt catalog too" "$(state_of)" "complete true"

# --- ten thousand; in a bucket only in the long run, because making them there takes longest
s3_bucket many
many="s3://many?endpoint=$rgw_endpoint&path_style=true"
for place in "dir:$work/many" "$many"; do
    count=10000
    [ "$place" != "$many" ] || [ -n "$test_long" ] || count=2000
    rm -f "$work"/none.db*
    run "$pgkeep" --config "$work/none.conf" backup --source "host=$PGHOST port=$PGPORT user=postgres dbname=shop" --store "$place"
    ok "$count manifests in ${place%%:*}" "$build/tests/manifests" "$place" "$count"
    start=$EPOCHREALTIME
    run "$pgkeep" --config "$work/none.conf" catalog sync --store "$place"
    end=$EPOCHREALTIME
    is "$count in ${place%%:*}: sync" "$status" 0
    like "$count in ${place%%:*}: all new" "$out" "$((count + 1)) manifests; new here: $count backups"
    again=$EPOCHREALTIME
    run "$pgkeep" --config "$work/none.conf" catalog sync --store "$place"
    last=$EPOCHREALTIME
    like "$count in ${place%%:*}: nothing new" "$out" "$((count + 1)) manifests; new here: 0 backups"
    echo "# ${place%%:*}: $count new manifests in $(((${end/./} - ${start/./}) / 1000)) ms, none new in $(((${last/./} - ${again/./}) / 1000)) ms"
done
finished
