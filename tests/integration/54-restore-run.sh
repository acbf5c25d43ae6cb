#!/usr/bin/env bash
# A whole server brought back from one run: roles, then each database under its own name, owners and rights included;
# what could not be is said. Roles without passwords for managed servers, at the backup and at the restore.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up other
other="host=$PGHOST port=$PGPORT user=postgres"
pg_up main
psql -qX -d postgres >/dev/null <<'END'
CREATE ROLE owner LOGIN PASSWORD 'geheim';
CREATE ROLE "odd PASSWORD 'x" LOGIN PASSWORD 'it''s' VALID UNTIL '2099-01-01';
CREATE DATABASE shop OWNER owner;
CREATE DATABASE crm;
END
psql -qX -d shop -c 'CREATE TABLE orders (id int); ALTER TABLE orders OWNER TO owner; INSERT INTO orders SELECT generate_series(1, 100)' >/dev/null
psql -qX -d crm -c 'CREATE TABLE people (id int); INSERT INTO people SELECT generate_series(1, 7)' >/dev/null
conf() { # conf KEYS-OF-THE-SOURCE
    cat >"$work/pgkeep.conf" <<END
catalog = "$work/catalog.db";
sources: { main: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"; databases = [ "*" ]; exclude_databases = [ "postgres" ]; globals = true; $1 }; };
stores:  { nas: { type = "dir"; path = "$work/nas"; }; };
jobs:    { nightly: { source = "main"; stores = [ "nas" ]; }; };
END
}
export PGKEEP_CONFIG=$work/pgkeep.conf
pg() { run "$pgkeep" "$@"; }
there() { psql -qXAt -d "$other dbname=$1" -c "$2"; }
conf ""

pg backup nightly
is "globals and two databases" "$status $(wc -l <<<"$out")" "0 3"
sleep 1.1
pg backup nightly --type schema

# --- all of it, onto a server that has nothing
pg restore --run latest:nightly --to "$other"
is "restore --run: exit status" "$status" 0
like "roles come first" "$out" '^01[^ ]+ \(globals\) restored'
is "rows of both databases" "$(there shop 'SELECT count(*) FROM orders') $(there crm 'SELECT count(*) FROM people')" "100 7"
is "owners" "$(there shop "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'")" owner
is "passwords" "$(there postgres "SELECT count(*) FROM pg_authid WHERE rolname IN ('owner', 'odd PASSWORD ''x') AND rolpassword IS NOT NULL")" 2

# --- again: nothing is replaced, each is told
psql -qX -d "$other dbname=postgres" -c 'DROP DATABASE crm' >/dev/null
pg restore --run latest:nightly --to "$other" --json
is "what is there and not empty stays: exit status" "$status" 8
is "and each is told" "$(jq -r '[.databases[] | .database + ":" + .result] | sort | join(" ")' <<<"$out")" ":restored crm:restored shop:failed"
like "with its reason" "$err" '\(database "shop"\): database "shop" is not empty'

# --- a run that has no backup of one: it is said
psql -qX -d postgres -c 'ALTER DATABASE crm ALLOW_CONNECTIONS false' >/dev/null
conf ""
sed -i 's/"\*"/"shop", "crm"/' "$work/pgkeep.conf"
pg backup nightly
is "a run without crm" "$status" 8
psql -qX -d "$other dbname=postgres" -c 'DROP DATABASE crm' -c 'DROP DATABASE shop' >/dev/null
pg restore --run latest:nightly --to "$other" --json
is "what the run lacks is missing" "$status $(jq -r '[.databases[] | .database + ":" + .result] | sort | join(" ")' <<<"$out")" "8 :restored crm:missing shop:restored"
like "and why" "$err" 'database "crm": the run has no backup of it: '

# --- the earlier run, by any backup of it, and on a machine without a catalog
first=$("$pgkeep" list --json --database crm --type full | jq -r '.artifacts[0].id')
psql -qX -d "$other dbname=postgres" -c 'DROP DATABASE shop' >/dev/null
run "$pgkeep" --catalog "$work/none.db" restore --run "$first" --to "$other" --store "dir:$work/nas"
is "by an id, from a store alone" "$status $(wc -l <<<"$out") $(there crm 'SELECT count(*) FROM people')" "0 3 7"

# --- without passwords
globals=$("$pgkeep" list --json --type globals | jq -r '.artifacts[0].id')
for name in owner '"odd PASSWORD '"'"'x"'; do psql -qX -d "$other dbname=postgres" -c "ALTER ROLE $name PASSWORD NULL" >/dev/null; done
pg restore "$globals" --to "$other dbname=postgres" --no-role-passwords
is "restore GLOBALS --no-role-passwords" "$status" 0
# shellcheck disable=SC2016 # for the server
is "no role got a password" "$(there postgres 'SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname <> $$postgres$$')" ""
is "all else of a role is there" "$(there postgres "SELECT rolvaliduntil::date FROM pg_authid WHERE rolname LIKE 'odd%'")" 2099-01-01
conf "no_role_passwords = true;"
psql -qX -d postgres -c 'ALTER DATABASE crm ALLOW_CONNECTIONS true' >/dev/null
pg backup nightly
is "a backup without them" "$status" 0
pg fetch latest:nightly --type globals --decode --output -
unlike "has none" "$out" "PASSWORD '(SCRAM|md5)"
like "and the roles" "$out" 'CREATE ROLE owner'

pg restore --run latest:nightly --to "$other" --table x
is "--run is of all" "$status" 2
pg restore --run 999 --to "$other"
is "no such run" "$status" 1
finished
