#!/usr/bin/env bash
# A dump of several connections is the same database as one pg_dump of the same moment: one object that psql takes,
# rows counted, whatever the tables are called and hold.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
folder=$work/backups
createdb torture
for file in nasty torture; do
    psql -qX -v ON_ERROR_STOP=1 -d torture -o /dev/null -f "$top/tests/support/$file.sql" 2>"$work/err" || diag "$(cat "$work/err")"
done
server="host=$PGHOST port=$PGPORT user=postgres"
object() { find "$folder/data" -name "*$1.sql*"; }

# All of a database as text, the order of rows aside; without the token that each pg_dump chooses anew.
everything() { pg_dump "$@" | grep -avE '^\\(un)?restrict ' | sort | sha256sum; }

# What a dump and a restore by PostgreSQL's own programs make of it: some things differ from the source by their nature.
createdb expected
pg_dump torture | psql -qX -v ON_ERROR_STOP=1 -d expected -o /dev/null 2>"$work/err" || diag "$(cat "$work/err")"
expected=$(everything expected)

for n in 1 2 4; do
    run "$pgkeep" backup --source "$server dbname=torture" --store "dir:$folder" --parallel "$n"
    is "$n: a backup" "$status" 0
    like "$n: by that many connections" "$err" "by $n connections"
    id=$out
    createdb "by_psql_$n"
    ok "$n: gunzip gives SQL that psql takes" bash -c "gunzip <'$(object "$id")' | psql -qX -v ON_ERROR_STOP=1 -d by_psql_$n -o /dev/null"
    is "$n: and it is the database" "$(everything "by_psql_$n")" "$expected"
    is "$n: each table's rows are counted" "$("$pgkeep" show "$id" --json | jq -c '[.tables[] | {schema, name, rows}] | sort')" \
        "$("$pgkeep" show "${first:-$id}" --json | jq -c '[.tables[] | {schema, name, rows}] | sort')"
    ok "$n: verified" "$pgkeep" verify "$id" --level full
    first=${first:-$id}
done
run "$pgkeep" restore "$id" --to "$server dbname=by_pgkeep" --create
is "pgkeep restores it" "$status" 0
is "to the same database" "$(everything by_pgkeep)" "$expected"
run "$pgkeep" backup --source "$server dbname=torture" --store "dir:$folder" --parallel 0
is "pg_dump alone counts the same rows" "$("$pgkeep" show "$out" --json | jq -c '[.tables[] | {schema, name, rows}] | sort')" \
    "$("$pgkeep" show "$first" --json | jq -c '[.tables[] | {schema, name, rows}] | sort')"
finished
