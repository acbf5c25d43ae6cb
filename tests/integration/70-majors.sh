#!/usr/bin/env bash
# Other majors of PostgreSQL than Debian's: a backup by the right pg_dump, doctor's word on it, and a restore that gives
# the same database, for each server of $TEST_PG. Its own programs are reached by pg_bin_dir; then the server is dumped
# by what this machine has besides, where that is not older.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
majors=${TEST_PG:-}
[ -n "$majors" ] || skip_all "no other majors are asked for (TEST_PG)"

# What differs between majors is left out by a test, not by a list: the dumps compared are of one pg_dump.
fill() {
    psql -qX -v ON_ERROR_STOP=1 -d "$1" -o /dev/null <<'END'
CREATE SCHEMA sales;
CREATE TYPE sales.state AS ENUM ('new', 'paid', 'Ünpaid');
CREATE TABLE sales.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state sales.state NOT NULL DEFAULT 'new',
    note text, total numeric(12, 2), twice numeric GENERATED ALWAYS AS (total * 2) STORED, at timestamptz DEFAULT '2026-01-01');
INSERT INTO sales.orders (state, note, total) SELECT (ARRAY['new', 'paid', 'Ünpaid']::sales.state[])[1 + n % 3], 'note ' || n, n / 7.0 FROM generate_series(1, 20000) n;
CREATE INDEX ON sales.orders (state, at DESC);
CREATE TABLE parts (region text, n int) PARTITION BY LIST (region);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT chr(97 + n % 3), n FROM generate_series(1, 3000) n;
CREATE FUNCTION sales.total(s sales.state) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT sum(total) FROM sales.orders WHERE state = s';
CREATE MATERIALIZED VIEW sales.sums AS SELECT state, sales.total(state) FROM sales.orders GROUP BY state;
CREATE VIEW paid AS SELECT * FROM sales.orders WHERE state = 'paid';
ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON sales.orders USING (note LIKE 'note %');
CREATE SEQUENCE numbers START 42;
SELECT nextval('numbers'), lo_from_bytea(7, '\x00ff');
COMMENT ON TABLE parts IS E'it''s\na comment';
END
}
dump_of() { "$1/pg_dump" "$2" | grep -vE '^\\(un)?restrict '; }

for major in $majors; do
    bin=$(pg_programs "$major") || { skip "PostgreSQL $major" "not there (scripts/install-services pg$major)" && continue; }
    pg_up "pg$major" "$major"
    createdb shop
    fill shop
    source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"
    target="host=$PGHOST port=$PGPORT user=postgres"
    folder=$work/backups-$major

    for way in plain custom parallel; do
        options=(--format "$way")
        [ "$way" != parallel ] || options=(--parallel 3)
        run env "PGKEEP_PG_BIN_DIR=$bin" "$pgkeep" backup --source "$source" --store "dir:$folder" "${options[@]}"
        is "$major: a $way backup" "$status" 0
        id=$out
        is "$major: by its own pg_dump" "$("$pgkeep" show "$id" --json | jq -r '.versions.pg_dump | split(".")[0]')" "$major"
        is "$major: and so says the manifest of the server" \
            "$("$pgkeep" show "$id" --json | jq -r '.versions.server | split(".")[0]')" "$major"
        run env "PGKEEP_PG_BIN_DIR=$bin" "$pgkeep" restore "$id" --to "$target dbname=shop_$way" --create
        is "$major: restored from $way" "$status" 0
        ok "$major: the $way restore is the same database" cmp <(dump_of "$bin" shop) <(dump_of "$bin" "shop_$way")
    done
    id=$("$pgkeep" list --json | jq -r '[.artifacts[] | select(.format == "plain")][0].id')
    run env "PGKEEP_PG_BIN_DIR=$bin" "$pgkeep" restore "$id" --to "$target dbname=shop_several" --create --parallel 3
    is "$major: restored by several connections" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    ok "$major: that is the same database, too" cmp <(dump_of "$bin" shop) <(dump_of "$bin" shop_several)
    for format in plain custom; do
        id=$("$pgkeep" list --json | jq -r --arg f "$format" '[.artifacts[] | select(.format == $f)][0].id')
        run env "PGKEEP_PG_BIN_DIR=$bin" "$pgkeep" restore "$id" --to "$target dbname=part_$format" --create --table sales.orders --table parts
        is "$major: tables of a $format backup" "$status" 0
        is "$major: with their rows" "$(psql -AtX -d "part_$format" -c 'SELECT (SELECT count(*) FROM sales.orders), (SELECT count(*) FROM parts)')" "20000|3000"
    done
    ok "$major: both formats bring the same" cmp <(dump_of "$bin" part_plain) <(dump_of "$bin" part_custom)
    run env "PGKEEP_PG_BIN_DIR=$bin" "$pgkeep" doctor --source "$source" --store "dir:$folder"
    is "$major: doctor has nothing to say against it" "$status" 0

    # Without its own programs: by newer ones where there are any, else an error that names the package.
    run "$pgkeep" backup --source "$source" --store "dir:$folder"
    ours=$(pg_dump --version | sed -E 's/.* ([0-9]+)\..*/\1/')
    if [ "$major" -gt "$ours" ]; then
        is "$major: no pg_dump that is new enough is an error" "$status" 4
        like "$major: and names the package" "$err" "postgresql-client-$major"
    elif [ "$major" = "$ours" ]; then
        is "$major: this machine's pg_dump takes it" "$status" 0
        unlike "$major: and it is no other major" "$err" "does not restore into a server"
        run "$pgkeep" verify "$out" --level full
        is "$major: and it verifies" "$status" 0
    else
        is "$major: a newer pg_dump takes it" "$status" 0
        like "$major: and says what such a dump is not good for" "$err" "warning: .*does not restore into a server of version $major"
        run "$pgkeep" verify "$out" --level full
        is "$major: and it verifies" "$status" 0
        run "$pgkeep" doctor --source "$source"
        like "$major: doctor says the same" "$out" "warning .*does not restore into a server of version $major"
        PATH=$bin:$PATH PGKEEP_PG_BIN_DIR=$pg_bin run "$pgkeep" backup --source "$source" --store "dir:$folder"
        is "$major: its own pg_dump goes before a newer one, wherever it lies" \
            "$status $("$pgkeep" show "$out" --json | jq -r '.versions.pg_dump | split(".")[0]')" "0 $major"
        unlike "$major: without a warning" "$err" 'warning'
    fi
    pg_down "pg$major"
done
finished
