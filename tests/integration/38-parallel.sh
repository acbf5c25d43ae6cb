#!/usr/bin/env bash
# A dump of several connections is the same database as one pg_dump of the same moment: one object that psql takes,
# rows counted, whatever the tables are called and hold. On Debian's server, and on each of $TEST_PG.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db

# All of a database as text, the order of rows aside; without the token that each pg_dump chooses anew.
everything() { "$bin/pg_dump" "$1" | LC_ALL=C grep -avE '^\\(un)?restrict ' | LC_ALL=C sort | sha256sum; }
# The text of a backup, what only says where a piece of a table begins and ends aside.
text_of() { gunzip <"$(find "$folder/data" -name "*$1.sql*")" | LC_ALL=C grep -avE '^(|COPY .*|.* FROM stdin;|\\\.|\\(un)?restrict .*|SET .*|--.*)$' | LC_ALL=C sort | sha256sum; }
tables_of() { "$pgkeep" show "$1" --json | jq -c '[.tables[] | {schema, name, rows}] | sort'; }
backup() {
    run "$pgkeep" backup --source "$server dbname=torture" --store "dir:$folder" "$@"
    is "$major: a backup with $*" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    id=$out
}

objects="SELECT loid, pageno, md5(data) FROM pg_largeobject ORDER BY 1, 2"
restores=(1 8)
[ -z "$test_long" ] || restores=(1 2 4 8)

check_major() {
    folder=$work/backups-$major server="host=$PGHOST port=$PGPORT user=postgres"
    createdb torture
    for file in nasty torture; do
        psql -qX -v ON_ERROR_STOP=1 -d torture -o /dev/null -f "$top/tests/support/$file.sql" 2>"$work/err" || diag "$(cat "$work/err")"
    done
    # What a dump and a restore by PostgreSQL's own programs make of it: some of it differs from the source by its nature.
    createdb expected
    "$bin/pg_dump" torture | "$bin/psql" -qX -v ON_ERROR_STOP=1 -d expected -o /dev/null 2>"$work/err" || diag "$(cat "$work/err")"
    expected=$(everything expected)

    backup --parallel 0
    tables=$(tables_of "$id") text=$(text_of "$id")
    like "$major: of many tables" "$tables" '"name":"large","rows":63000'
    for n in 1 2 4; do
        backup --parallel "$n"
        like "$major: $n: by that many connections" "$err" "by $n connections?,"
        is "$major: $n: the same text as pg_dump's alone" "$(text_of "$id")" "$text"
        is "$major: $n: each table's rows are counted" "$(tables_of "$id")" "$tables"
    done
    whole=$id
    ok "$major: verified" "$pgkeep" verify "$id" --level full
    # Whatever the filters leave in: pg_dump's choice of tables is that of the workers.
    local filters
    for filters in "--table torture.*t*" '--table torture."t*" --exclude-table torture.*ed' "--exclude-schema torture" \
        '--exclude-table-data torture.*_[0-9] --exclude-table-data *."$$ ""big"" table; '"'x'"'*"' '--schema odd*'; do
        local words=()
        IFS=$'\n' read -rd '' -a words < <(sed -E 's/ --/\n--/g; s/(^|\n)(--[a-z-]+) /\1\2=/g' <<<"$filters") || :
        backup --parallel 0 "${words[@]}"
        text=$(text_of "$id")
        backup --parallel 2 "${words[@]}"
        is "$major: $filters: the same text" "$(text_of "$id")" "$text"
    done
    id=$whole
    createdb by_psql
    ok "$major: gunzip gives SQL that psql takes" bash -c "gunzip <'$(find "$folder/data" -name "*$id.sql*")' | '$bin/psql' -qX -v ON_ERROR_STOP=1 -d by_psql -o /dev/null"
    is "$major: and it is the database" "$(everything by_psql)" "$expected"
    # However many connections bring it back (in the long form 1, 2, 4, 8 on every major).
    for n in "${restores[@]}"; do
        run "$pgkeep" restore "$id" --to "$server dbname=by_pgkeep" --create --parallel "$n"
        is "$major: pgkeep restores it by $n" "$status" 0
        [ "$status" = 0 ] || diag "$err"
        is "$major: $n: to the same database" "$(everything by_pgkeep)" "$expected"
        is "$major: $n: large objects, too" "$("$bin/psql" -qAtX -d by_pgkeep -c "$objects")" "$("$bin/psql" -qAtX -d torture -c "$objects")"
        "$bin/dropdb" by_pgkeep
    done
}

pg_up main
major=$(basename "$(dirname "$pg_bin")") bin=$pg_bin
check_major
for major in ${TEST_PG:-}; do
    [ "$major" != "$(basename "$(dirname "$pg_bin")")" ] || continue
    [ -n "$test_long" ] || restores=(4)
    bin=$(pg_programs "$major") || { skip "PostgreSQL $major" "not there (scripts/install-services pg$major)" && continue; }
    pg_up "pg$major" "$major"
    export PGKEEP_PG_BIN_DIR=$bin
    check_major
    pg_down "pg$major"
done
finished
