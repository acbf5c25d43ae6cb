#!/usr/bin/env bash
# What goes wrong beside the stream: a catalog that cannot be written at the end, one place under two names, a chunk
# index that is damaged, one database of several that fails, a source that has shrunk, typos; and where a password
# must not be found.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

command -v sqlite3 >/dev/null || skip_all "sqlite3 is not installed"
pg_up main
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null <<'END'
CREATE TABLE orders AS SELECT n, encode(sha512(n::text::bytea), 'hex') AS noise FROM generate_series(1, 100000) n;
CREATE TABLE log (line text);
INSERT INTO log SELECT 'line ' || n FROM generate_series(1, 1000) n;
END
export PGKEEP_CATALOG=$work/catalog.db
folder=$work/backups
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"
backup() { run "$pgkeep" backup --source "$source" --store "dir:$folder"; }
field() { "$pgkeep" show "$1" --json | jq -r "$2"; }
sql() { sqlite3 "$PGKEEP_CATALOG" "$1"; }

# --- the catalog cannot be written at the end: the backup is there, and the next run finds it
backup
is "a first backup" "$status" 0
first=$out
sql "CREATE TRIGGER full BEFORE UPDATE OF status ON artifacts BEGIN SELECT RAISE(ABORT, 'no room'); END"
backup
ok "no room in the catalog: it fails" [ "$status" != 0 ]
is "no room in the catalog: no id" "$out" ""
like "no room in the catalog: what is so" "$err" "complete in its stores.*no room"
is "no room in the catalog: its manifest is there" "$(find "$folder/manifests" -type f | wc -l)" 2
sql "DROP TRIGGER full"
backup
is "the next run is good" "$status" 0
is "and has found the one before" "$("$pgkeep" list --json | jq -r '[.artifacts[].status] | join(" ")')" "complete complete complete"
run "$pgkeep" verify --all
is "which is whole" "$status" 0

# --- one place under two names
ln -s "$folder" "$work/other"
run "$pgkeep" backup --source "$source" --store "dir:$folder" --store "dir:$work/other"
is "one place under two names: exit status" "$status" 3
like "one place under two names: which" "$err" "one and the same"
run "$pgkeep" verify "$first" --level quick --store "dir:$folder"
is "and what is there stays, under its first name" "$status" 0

# --- a chunk index that is damaged in its middle does not make the data unreadable
index=$folder/$(sqlite3 "$PGKEEP_CATALOG" "SELECT index_key FROM copies JOIN artifacts ON number = artifact WHERE artifacts.id = '$first'")
cp "$index" "$work/index"
size=$(stat -c %s "$index")
printf '\x55\x55\x55\x55' | dd of="$index" bs=1 seek=$((size / 2)) conv=notrunc status=none
createdb again
run "$pgkeep" restore "$first" --to "dbname=again"
is "a damaged index: restore" "$status" 0
like "a damaged index: is told" "$err" "chunk index"
is "a damaged index: all rows are there" "$(psql -AtX -d again -c 'SELECT count(*) FROM orders')" 100000
run "$pgkeep" verify "$first"
is "a damaged index: verify finds it" "$status" 6
rm "$index"
run "$pgkeep" verify "$first"
is "a missing index: verify finds it" "$status" 6
dropdb again
run "$pgkeep" restore "$first" --to "host=$PGHOST port=$PGPORT user=postgres dbname=again" --create
is "a missing index: nothing is read by itself" "$status" 6
like "a missing index: what to do" "$err" "--store NAME"
run "$pgkeep" restore "$first" --to "host=$PGHOST port=$PGPORT user=postgres dbname=again" --create --store "dir:$folder"
is "a missing index: who names the store gets it" "$status $(psql -AtX -d again -c 'SELECT count(*) FROM orders')" "0 100000"
like "a missing index: and is told" "$err" "found missing"
cp "$work/index" "$index"
run "$pgkeep" verify "$first"
is "a right index: verify" "$status" 0

# --- where to: --to says it, and nothing else
createdb target
createdb elsewhere
PGDATABASE=elsewhere run "$pgkeep" restore "$first" --to "dbname=target"
is "PGDATABASE does not win over --to" "$status $(psql -AtX -d elsewhere -c "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" "0 0"
run "$pgkeep" restore "$first"
is "restore without --to" "$status" 2

# --- typos
while IFS='|' read -r name expected words; do
    read -ra words <<<"$words"
    run "$pgkeep" "${words[@]}"
    is "$name: exit status" "$status" "$expected"
done <<END
verify an unknown job|3|verify --job nigthly
verify in an unknown store|3|verify --all --store nsa
verify an unknown id|1|verify 01JZZZZZZZ
more copies than stores|2|backup --source dbname=shop --store dir:$folder --min-copies 3
a tag without a value|2|backup --source dbname=shop --store dir:$folder --tag env
the same store twice|2|backup --source dbname=shop --store dir:$folder --store dir:$folder
END

# --- fetch to what is no file
run "$pgkeep" fetch "$first" --output /dev/null
is "fetch to /dev/null" "$status" 0
ok "which is still a device" test -c /dev/null
run "$pgkeep" fetch "$first" --output "$work"
is "fetch to a folder" "$status" 2
run "$pgkeep" fetch "$first" --output "$work" --force
is "fetch --force to a folder" "$status" 2
run "$pgkeep" fetch "$first" --output "$work/no/such/folder"
is "fetch into no folder" "$status" 1
mkfifo "$work/pipe"
cat "$work/pipe" >"$work/from-pipe" &
run "$pgkeep" fetch "$first" --output "$work/pipe"
wait $!
ok "fetch into a pipe" cmp "$work/from-pipe" "$folder/$(field "$first" '.copies[0].key')"

# --- a source that has shrunk
psql -qX -d shop -c "DELETE FROM orders WHERE n > 100"
backup
is "a shrunken source: exit status" "$status" 0
like "a shrunken source: is told" "$err" "suspect.*rows"
is "a shrunken source: the catalog knows" "$(field "$out" .suspect)" true
is "a shrunken source: the store knows" "$(jq -r .suspect "$folder/state/$out.json")" true
shrunken=$out
run "$pgkeep" verify "$shrunken" --level full
is "a shrunken source: its bytes are good" "$status" 0
is "a shrunken source: verify proves bytes, not sense" "$(field "$shrunken" .suspect)" true

# --- ad hoc, the databases of two servers are not each other's history
export PGPASSWORD=$pg_password
run "$pgkeep" backup --source "host=127.0.0.1 port=$PGPORT user=postgres dbname=shop" --store "dir:$folder"
is "the same name on another server: exit status" "$status" 0
unlike "the same name on another server: nothing to compare with" "$err" suspect
is "the same name on another server: another group" "$("$pgkeep" prune --json 2>/dev/null | jq -r '[.copies[].group] | unique | length')" 2
unset PGPASSWORD

# --- no table, no row
createdb empty
for options in "" "--type schema" "--type data" "--format custom" "--compress none"; do
    # shellcheck disable=SC2086 # words
    run "$pgkeep" backup --source "host=$PGHOST port=$PGPORT user=postgres dbname=empty" --store "dir:$folder" $options
    is "an empty database $options" "$status" 0
    run "$pgkeep" verify "$out"
    is "an empty database $options: verify" "$status" 0
done

# --- several databases, one of which fails
psql -qX -c "CREATE ROLE backup LOGIN PASSWORD 'other-secret'; GRANT pg_read_all_data TO backup"
createdb closed
psql -qX -c "REVOKE CONNECT ON DATABASE closed FROM PUBLIC"
cat >"$work/pgkeep.conf" <<END
catalog = "$work/all.db";
sources: { all: { conninfo = "host=127.0.0.1 port=$PGPORT user=backup dbname=postgres password=other-secret"; databases = [ "shop", "closed", "empty" ]; }; };
stores: { nas: { type = "dir"; path = "$work/nas"; }; };
jobs: { everything: { source = "all"; stores = [ "nas" ]; }; };
END
chmod 600 "$work/pgkeep.conf"
export PGKEEP_CATALOG=$work/all.db
run "$pgkeep" --config "$work/pgkeep.conf" backup everything
is "one of three fails: exit status" "$status" 8
is "one of three fails: two ids" "$(wc -w <<<"$out")" 2
like "one of three fails: which and why" "$err" "backup of \"closed\".*permission denied"
is "one of three fails: the run is remembered so" "$(sql "SELECT exit_status FROM runs")" 8

# --- a password is nowhere but where it was given
cat >"$work/watch" <<END
#!/bin/bash
[ "\${1:-}" = --version ] && exec "$pg_bin/pg_dump" --version
ps -eww -o args >"$work/processes"
exec "$pg_bin/pg_dump" "\$@"
END
mkdir "$work/watching"
chmod +x "$work/watch"
ln -s "$work/watch" "$work/watching/pg_dump"
for name in pg_dumpall pg_restore psql; do ln -s "$pg_bin/$name" "$work/watching/$name"; done
for conninfo in "host=127.0.0.1 port=$PGPORT user=backup dbname=shop password=other-secret" "postgresql://backup:other-secret@127.0.0.1:$PGPORT/shop"; do
    rm -rf "$work/processes"
    PGKEEP_PG_BIN_DIR=$work/watching run "$pgkeep" -v backup --source "$conninfo" --store "dir:$work/secret"
    is "a password in the source: exit status" "$status" 0
    ok "a password in the source: the processes were looked at" grep -q pg_dump "$work/processes"
    unlike "a password in the source: no process shows it" "$(cat "$work/processes")" "other-secret"
    unlike "a password in the source: no output shows it" "$(cat "$work/out" "$work/err")" "other-secret"
done
is "no file of catalog, locks and store holds it" "$(grep -rlF other-secret "$work/secret" "$work"/all.db* "$work"/*.lock 2>/dev/null)" ""
finished
