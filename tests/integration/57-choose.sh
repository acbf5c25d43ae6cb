#!/usr/bin/env bash
# Which backup a command is about, on a job of two databases and its globals: `latest` never restores the other one,
# nothing without rows after a schema-only backup, and never takes the globals away. Local times, and errors as JSON.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
createdb shop
createdb crm
psql -qX -d shop -c 'CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 100)' >/dev/null
psql -qX -d crm -c 'CREATE TABLE people (id int); INSERT INTO people SELECT generate_series(1, 7)' >/dev/null
cat >"$work/pgkeep.conf" <<END
catalog = "$work/catalog.db";
sources: { main: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"; databases = [ "shop", "crm" ]; globals = true; }; };
stores:  { nas: { type = "dir"; path = "$work/nas"; }; usb: { type = "dir"; path = "$work/usb"; }; };
jobs:    { nightly: { source = "main"; stores = [ "nas" ]; }; };
END
export PGKEEP_CONFIG=$work/pgkeep.conf
pg() { run "$pgkeep" "$@"; }
target="host=$PGHOST port=$PGPORT user=postgres dbname"
rows() { psql -qXAt -d "$1" -c "SELECT count(*) FROM $2"; }
of() { "$pgkeep" list --json --database "$1" | jq -r '.artifacts[0].id'; }

pg backup nightly
is "a job of two databases and globals" "$status" 0
shop=$(of shop) crm=$(of crm)

# --- nothing is guessed
createdb target
for word in latest latest:nightly; do
    pg restore "$word" --to "$target=target"
    is "restore $word: exit status" "$status" 2
    like "and the choices, which can be typed" "$err" "nightly/(crm|shop) 01.*nightly/(crm|shop) 01.*hint: say latest:JOB/DATABASE"
done
is "nothing was restored" "$(psql -qXAt -d target -c "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")" 0
pg delete latest --yes
is "delete latest: exit status" "$status" 2
is "and nothing is gone" "$("$pgkeep" list --json | jq '.artifacts | length')" 3

# --- named, it is that one, and the message says which
pg restore latest:nightly/shop --to "$target=target"
is "restore latest:nightly/shop" "$status" 0
is "its rows are there" "$(rows target orders)" 100
like "what was backed up is named beside the target" "$out" "^$shop \(database \"shop\"\) restored into database \"target\""
pg restore latest --database crm --to "$target=target2" --create --json
is "restore latest --database crm" "$status $(rows target2 people)" "0 7"
is "and in JSON" "$(jq -r '[.id, .source_database, .database] | join(" ")' <<<"$out")" "$crm crm target2"
pg show latest:/crm --json
is "latest:/DATABASE" "$(jq -r .id <<<"$out")" "$crm"

# --- what has no rows, or not all of them, is nobody's latest
cat >"$work/one.conf" <<END
catalog = "$work/catalog.db";
sources: { main: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"; databases = [ "shop" ]; }; };
stores:  { nas: { type = "dir"; path = "$work/nas"; }; };
jobs:    { nightly: { source = "main"; stores = [ "nas" ]; }; };
END
run "$pgkeep" --config "$work/one.conf" backup nightly --type schema
run "$pgkeep" --config "$work/one.conf" backup nightly --table orders
pg show latest:/shop --json
is "after --type schema and --table latest is the whole one" "$(jq -r .id <<<"$out")" "$shop"
pg show latest:/shop --type schema --json
is "--type says otherwise" "$(jq -r .type <<<"$out")" schema

# --- an earlier one, and one in a certain store
sleep 1.1
pg copy latest:/shop --from nas --to usb
pg backup nightly
pg show latest:/shop --store usb --json
is "--store: the latest that is there" "$(jq -r .id <<<"$out")" "$shop"
when=$("$pgkeep" show latest:/shop --json | jq -r .time)
pg show latest:/shop --before "$when" --json
is "--before" "$(jq -r .id <<<"$out")" "$shop"
pg restore "$shop" --database crm --to "$target=target3" --create
is "an id that is not of the database that is named: exit status" "$status" 2
like "and what it is" "$err" "$shop is of database \"shop\", not of \"crm\""

# --- of an ad-hoc backup
run "$pgkeep" backup --source "$target=crm" --store "dir:$work/nas2"
adhoc=$out
pg show latest:adhoc --json
is "latest:adhoc" "$(jq -r .id <<<"$out")" "$adhoc"
pg show latest:/crm --json
is "and it is a backup of that database, whoever took it" "$(jq -r .id <<<"$out")" "$adhoc"

# --- times are local, in what is read and in what is typed
run env TZ=Asia/Kolkata "$pgkeep" show "$shop"
like "a time with its offset" "$out" $'\ntime             [0-9]{4}-[0-9-]+ [0-9:]{8}\+05:30\n'
local=$(TZ=Asia/Kolkata date -d "$when" '+%F %T')
run env TZ=Asia/Kolkata "$pgkeep" show latest:/shop --before "$local" --json
is "a local time is the same moment" "$(jq -r .id <<<"$out")" "$shop"
is "in JSON it is UTC" "$(jq -r .time <<<"$out" | grep -c 'Z$')" 1

# --- errors are documents, and what stands in scripts can be asked
pg show latest --json
is "an error is one document" "$(jq -r '[.error.kind, .error.exit_status] | join(" ")' <<<"$out")" "usage 2"
like "with the hint apart" "$(jq -r .error.hint <<<"$out")" "^say latest:JOB"
pg fetch "$shop" --output "$work/shop.sql.gz" --json
is "fetch --json --output: a document" "$(jq -r '[.form, .sha256] | join(" ")' <<<"$out")" \
    "stored $(sha256sum <"$work/shop.sql.gz" | cut -d' ' -f1)"
finished
