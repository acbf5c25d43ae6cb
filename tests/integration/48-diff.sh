#!/usr/bin/env bash
# What changed between two backups: rows by the manifests and indexes, definitions by the text around the rows, from
# every format, without a database.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null <<'END'
CREATE SCHEMA sales;
CREATE TABLE sales.grows (id int PRIMARY KEY, t text);
CREATE TABLE sales.shrinks (id int PRIMARY KEY);
CREATE TABLE sales.goes (id int);
CREATE TABLE sales.same (id int PRIMARY KEY, t text);
CREATE TABLE sales.rewritten (id int, t text);
CREATE TABLE sales.fills (id int);
CREATE TABLE sales."O'dd;	Name" (id int);
CREATE INDEX moved ON sales.same (t);
CREATE FUNCTION sales.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE VIEW sales.v AS SELECT id FROM sales.same;
INSERT INTO sales.grows SELECT n, 'x' FROM generate_series(1, 100) n;
INSERT INTO sales.shrinks SELECT generate_series(1, 100);
INSERT INTO sales.goes VALUES (1);
INSERT INTO sales.same SELECT n, md5(n::text) FROM generate_series(1, 3000) n;
INSERT INTO sales.rewritten SELECT n, md5(n::text) FROM generate_series(1, 1000) n;
END
# the last: in pieces, by another codec
ways=("--format plain --parallel 0" "--format custom" "--format plain --parallel 2 --compress zstd")
backup_all() { for way in "${ways[@]}"; do
    # shellcheck disable=SC2086 # words
    run "$pgkeep" backup --source "$source" --store "dir:$work/backups" $way
    ids+=("$out")
done; }
ids=() && backup_all && before=("${ids[@]}")
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null <<'END'
INSERT INTO sales.grows SELECT n, 'x' FROM generate_series(101, 150) n;
DELETE FROM sales.shrinks WHERE id > 90;
DROP TABLE sales.goes;
CREATE TABLE sales.comes (id int PRIMARY KEY);
INSERT INTO sales.fills VALUES (1), (2);
INSERT INTO sales."O'dd;	Name" VALUES (1);
UPDATE sales.rewritten SET t = md5(t) WHERE id = 500;
ALTER TABLE sales.same ALTER t SET NOT NULL;
DROP INDEX sales.moved;
CREATE INDEX made ON sales.same (id, t);
CREATE OR REPLACE FUNCTION sales.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
COMMENT ON VIEW sales.v IS 'new';
END
ids=() && backup_all && now=("${ids[@]}")
pg_down main

definitions='[.definitions[] | .change + " " + .name] | sort | join("; ")'
expected="came comment of sales.v; came constraint comes_pkey of sales.comes; came index made of sales.same; came table sales.comes; changed function sales.f; changed table sales.same; went index moved of sales.same; went table sales.goes"
for i in 0 1 2; do
    way=${ways[$i]}
    run "$pgkeep" diff "${before[$i]}" "${now[$i]}" --json
    is "$way: diff" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    # The rows of an archive are counted nowhere: definitions tell what came and went.
    if [ "$i" = 1 ]; then tables=.tables wanted=null; else
        tables='[.tables[] | .change + " " + .name + " " + (.rows_before | tostring) + " " + (.rows_now | tostring)] | join("; ")'
        wanted="grew O'dd;	Name 0 1; came comes 0 0; grew fills 0 2; went goes 1 0; grew grows 100 150; changed rewritten 1000 1000; shrank shrinks 100 90"
    fi
    is "$way: tables" "$(jq -r "$tables" <<<"$out")" "$wanted"
    is "$way: definitions" "$(jq -r "$definitions" <<<"$out")" "$expected"
    is "$way: with both texts" "$(jq -r '.definitions[] | select(.name == "function sales.f") | (.before | contains("+ 1")), (.now | contains("+ 1"))' <<<"$out" | paste -sd' ')" "false true"
    run "$pgkeep" diff "${now[$i]}" "${now[$i]}"
    is "$way: a backup and itself" "$status" 0
    like "$way: differ in nothing" "$out" 'no difference is known'
done
run "$pgkeep" diff "${before[0]}" "${now[2]}"
is "one worker and several, gzip and zstd: no difference but what changed" "$(grep -cE '^(came|went|grew|shrank|changed) ' <<<"$out")" "$(jq -r '(.tables | length) + (.definitions | length)' <<<"$("$pgkeep" diff "${before[2]}" "${now[2]}" --json)")"
like "text: rows" "$out" 'grew +100 -> 150 \(\+50\).*rows of sales.grows'
unlike "text: a name does not drive the terminal" "$out" $'\t'
run "$pgkeep" diff latest "${now[0]}" --before 2000-01-01
is "nothing that old" "$status" 1
run "$pgkeep" diff --store "dir:$work/backups" "${before[0]}" "${now[0]}" --json --catalog "$work/none.db"
is "a URL needs no catalog" "$status" 0
finished
