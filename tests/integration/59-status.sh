#!/usr/bin/env bash
# Is `status --max-age` green only when every database that the last run should have dumped has a good, young, whole
# backup? One that fails, one that is missing, one that was dropped, and backups by hand that are none of the job's.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
createdb shop
createdb crm
createdb old
psql -qX -d shop -c 'CREATE TABLE orders (id int)' >/dev/null
psql -qX -d crm -c 'CREATE TABLE people (id int)' >/dev/null
psql -qX -d crm -c 'CREATE ROLE backup LOGIN IN ROLE pg_read_all_data' >/dev/null
conf() { # conf DATABASES
    cat >"$work/pgkeep.conf" <<END
catalog = "$work/catalog.db";
sources: { main: { conninfo = "host=$PGHOST port=$PGPORT user=backup dbname=postgres"; databases = [ $1 ]; exclude_databases = [ "postgres" ]; }; };
stores:  { nas: { type = "dir"; path = "$work/nas"; }; };
jobs:    { nightly: { source = "main"; stores = [ "nas" ]; }; };
END
}
export PGKEEP_CONFIG=$work/pgkeep.conf
pg() { run "$pgkeep" "$@"; }
conf '"*"'

pg status --max-age 1h
is "before the first run: too old" "$status" 10
pg backup nightly
is "three databases" "$status" 0
pg status --max-age 1h
is "green" "$status" 0

# --- one fails: the others are backed up, status is not green, although the backup of before is young
psql -qX -d crm -c 'REVOKE pg_read_all_data FROM backup; GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup; CREATE TABLE hidden (id int)' >/dev/null
psql -qX -d shop -c 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup' >/dev/null
pg backup nightly
is "one of three fails" "$status" 8
pg status --max-age 1h
is "a run that failed for one database is not green" "$status" 10
like "and it says which and why" "$err" 'the last run has no backup of "crm": .*role "backup" may not read all tables.*public.hidden'
unlike "the others are fine" "$err" '"shop"|"old"'
is "in JSON" "$(jq -r '.jobs[0].databases[] | select(.missed) | .database' <<<"$("$pgkeep" status --json)")" crm

# --- what somebody takes by hand is none of the job's
pg backup nightly --type schema
pg status --max-age 1h
is "a run of schemas makes it no greener" "$status" 10
psql -qX -d crm -c 'DROP TABLE hidden' >/dev/null
pg backup nightly --table people --table orders
pg status --max-age 1h
is "nor one with filters of the command line" "$status" 10
pg backup nightly
is "all three again" "$status" 0
pg status --max-age 1h
is "green again" "$status" 0

# --- one that is gone is shown so, and is no alarm; one that is named must be there
dropdb old
pg backup nightly
pg status --max-age 1h
is "a database that was dropped is no alarm" "$status" 0
like "and is shown as gone" "$out" 'nightly +old .*gone from the server'
conf '"shop", "crm", "old"'
pg backup nightly
is "named, its absence is a failure" "$status" 8
pg status --max-age 1h
is "and not green" "$status" 10
like "with the reason" "$err" 'no backup of "old": '

# --- a run that did not begin
conf '"shop", "crm"'
pg backup nightly
pg status --max-age 1h
is "green" "$status" 0
sed -i "s/port=$PGPORT/port=1/" "$work/pgkeep.conf"
pg backup nightly
is "no server" "$status" 4
pg status --max-age 1h
is "a run that failed as a whole is not green" "$status" 10

# --- a job that was given up: kept for ever, which is said, until somebody removes its last backup
sed -i 's/nightly:/weekly:/' "$work/pgkeep.conf"
pg status
like "a job that left the configuration" "$out" 'nightly +shop .*policy none: kept for ever; the job left the configuration'
pg prune
like "prune says so, too" "$out" 'job nightly: policy none: kept for ever'
for id in $("$pgkeep" list --json --database old --type full | jq -r '.artifacts[1:][].id'); do "$pgkeep" delete "$id" --yes >/dev/null; done
last=$("$pgkeep" list --json --database old --type full | jq -r '.artifacts[0].id')
pg delete "$last" --yes
is "the last good one of its database is refused" "$status" 9
hash=$("$pgkeep" delete "$last" --json 2>/dev/null | jq -r .plan_hash)
like "with the line that does it" "$err" "pgkeep delete $last --force-unsafe=$hash --yes"
pg delete "$last" --force-unsafe="$hash" --yes
is "and goes with it" "$status $("$pgkeep" list --json --database old --type full | jq '.artifacts | length')" "0 0"
finished
