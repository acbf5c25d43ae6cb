#!/usr/bin/env bash
# The catalog is only an index: made anew from the stores it is the same; two machines that share a bucket see each
# other's backups and pins; what does not fit together is found and nothing is deleted for it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
rgw_up
s3_bucket backups
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -f "$top/tests/support/sample.sql" >/dev/null
folder=$work/nas
config() { # config FILE CATALOG STORE...
    local stores=${*:3}
    cat >"$1" <<END
catalog = "$2";
sources: { shop: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=shop"; }; };
stores: { nas: { type = "dir"; path = "$folder"; };
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
like "pin: what it says" "$out" "^$first is pinned until 2099-01-02 00:00:00Z: before "
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
one backup nightly
is "rebuild: backup works" "$status" 0
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
finished
