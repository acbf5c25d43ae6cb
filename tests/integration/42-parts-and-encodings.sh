#!/usr/bin/env bash
# What is said when a part of a database cannot stand alone, and dumps of databases whose clients speak an encoding in
# which letters hold quotes and backslashes.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
folder=$work/backups
server="host=$PGHOST port=$PGPORT user=postgres"
createdb parts
psql -qX -v ON_ERROR_STOP=1 -d parts -o /dev/null <<'END'
CREATE EXTENSION citext;
CREATE SCHEMA shop; CREATE SCHEMA lib; CREATE SCHEMA alone;
CREATE DOMAIN lib.positive AS int CHECK (VALUE > 0);
CREATE FUNCTION lib.tidy(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT trim($1)';
CREATE TABLE lib.countries (code text PRIMARY KEY);
CREATE TABLE shop.customers (id int PRIMARY KEY, email citext, n lib.positive, country text REFERENCES lib.countries, name text CHECK (lib.tidy(name) <> ''));
CREATE VIEW shop.emails AS SELECT email FROM shop.customers;
CREATE TYPE alone.state AS ENUM ('a', 'b');
CREATE FUNCTION alone.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE alone.things (id serial PRIMARY KEY, s alone.state, n int DEFAULT alone.one(), parent int REFERENCES alone.things, list alone.state[]);
CREATE VIEW alone.view AS SELECT t FROM alone.things t;
END
backup() { run "$pgkeep" backup --source "$server dbname=parts" --store "dir:$folder" "$@"; }

backup --schema shop
is "a schema that needs others: a backup" "$status" 0
for what in "type public.citext" "type lib.positive" "function lib.tidy(text)" "table lib.countries"; do
    case $err in *"restores only where that is: "*"$what"*) pass "a schema: said: $what" ;; *) fail "a schema: said: $what" && diag "$err" ;; esac
done
backup --schema alone
is "a schema that stands alone: a backup" "$status" 0
unlike "a schema that stands alone: nothing is said" "$err" "restores only where"
backup --schema shop --schema lib --schema public
unlike "with all that it needs: not of schemas" "$err" "lib\."
backup --table alone.things
like "one table: its types are not with it" "$err" "restores only where that is: .*type alone.state"
backup --exclude-schema lib
like "all but one schema: what needs that" "$err" "restores only where that is: .*lib.positive"
backup
unlike "the whole: nothing is said" "$err" "restores only where"
backup --exclude-table-data 'shop.*'
unlike "rows alone left out: nothing is said" "$err" "restores only where"
backup --schema shop --type data
unlike "rows alone dumped: nothing is said" "$err" "restores only where"

createdb -T template0 -E EUC_JP --locale=C japan
PGCLIENTENCODING=UTF8 psql -qX -v ON_ERROR_STOP=1 -d japan -c "CREATE TABLE \"表\" (\"能\" text); INSERT INTO \"表\" SELECT '表 ' || n || '構ソ' FROM generate_series(1, 90000) n;
    ALTER DATABASE japan SET client_encoding = 'SJIS'"
for n in 0 2; do
    run "$pgkeep" backup --source "$server dbname=japan" --store "dir:$folder" --encoding EUC_JP --parallel "$n"
    is "clients speak SJIS, dumped as EUC_JP by $n connections" "$status" 0
    like "$n: show names the table as people read it" "$("$pgkeep" show "$out")" 'public\.表 +90000 '
    createdb -T template0 -E UTF8 --locale=C.UTF-8 "back_$n"
    gunzip <"$(find "$folder/data" -name "*$out.sql*")" | psql -qX -v ON_ERROR_STOP=1 -d "back_$n" -o /dev/null
    is "$n: every letter came back" "$(PGCLIENTENCODING=UTF8 psql -AtX -d "back_$n" -c "SELECT count(*), min(\"能\") FROM \"表\"")" "90000|表 10000構ソ"
done
euc=$out
run "$pgkeep" --catalog "$work/again.db" catalog rebuild --store "dir:$folder"
like "a rebuilt catalog knows the encoding, too" "$("$pgkeep" --catalog "$work/again.db" show "$euc")" 'public\.表 +90000 '
run "$pgkeep" backup --source "$server dbname=japan" --store "dir:$folder" --parallel 0
is "clients speak SJIS: refused" "$status" 4
like "clients speak SJIS: with the way out" "$err" "--encoding UTF8"
run "$pgkeep" backup --source "$server dbname=japan" --store "dir:$folder" --parallel 2
is "clients speak SJIS: connections of our own choose a safe one" "$status" 0
finished
