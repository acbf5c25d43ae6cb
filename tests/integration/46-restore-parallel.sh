#!/usr/bin/env bash
# Several sessions bring a plain backup back: the same database as by psql, whatever is in it, and one error ends all.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
to="host=$PGHOST port=$PGPORT user=postgres dbname"
value() { psql -qAtX -d "$1" -c "$2"; }
schema() { pg_dump --schema-only -d "$1" | grep -vE '^\\(un)?restrict '; }
rows() { pg_dump --data-only -d "$1" 2>/dev/null | grep -vE '^\\(un)?restrict ' | LC_ALL=C sort; }

createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null -f "$top/tests/support/nasty.sql" || diag "nasty.sql"
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null <<'END'
CREATE SCHEMA big;
CREATE FUNCTION big.half(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 / 2';
CREATE TABLE big.a (id int PRIMARY KEY, "Odd ""col" text UNIQUE, n int, CONSTRAINT a_later UNIQUE (n) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE big.b (id bigserial, a int NOT NULL, t text, PRIMARY KEY (id, a), EXCLUDE USING btree (id WITH =));
CREATE UNIQUE INDEX b_some ON big.b (a, id) INCLUDE (t);
CREATE INDEX ON big.b (t) WHERE id > 10;
CREATE INDEX ON big.b (big.half(a));
ALTER TABLE big.b ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES big.a ON DELETE CASCADE;
ALTER TABLE big.a ADD COLUMN self int REFERENCES big.a (id);
ALTER TABLE big.b CLUSTER ON b_some;
ALTER TABLE big.a REPLICA IDENTITY USING INDEX a_pkey;
COMMENT ON INDEX big.a_pkey IS 'the key';
COMMENT ON CONSTRAINT fk ON big.b IS 'a comment';
CREATE TABLE big.p (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE big.p1 PARTITION OF big.p FOR VALUES FROM (0) TO (5000);
CREATE TABLE big.p2 PARTITION OF big.p DEFAULT;
CREATE INDEX ON big.p (v);
CREATE TABLE big.refers (p int REFERENCES big.p, id int UNIQUE);
CREATE TYPE big.kind AS ENUM ('x', 'y', 'z');
CREATE TABLE big.hashed (k big.kind, n int, UNIQUE (k, n)) PARTITION BY HASH (k);
CREATE TABLE big.hashed_0 PARTITION OF big.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE big.hashed_1 PARTITION OF big.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE MATERIALIZED VIEW big.m AS SELECT a, count(*) FROM big.b GROUP BY a;
CREATE UNIQUE INDEX ON big.m (a);
CREATE TABLE big.wide (id int, body text);
INSERT INTO big.a SELECT n, 'v' || n, n, n FROM generate_series(1, 20000) n;
INSERT INTO big.b (a, t) SELECT 1 + n % 20000, repeat(md5(n::text), 8) FROM generate_series(1, 60000) n;
INSERT INTO big.p SELECT n, md5(n::text) FROM generate_series(1, 20000) n;
INSERT INTO big.refers SELECT n, n FROM generate_series(1, 9000) n;
INSERT INTO big.hashed SELECT (ARRAY['x', 'y', 'z']::big.kind[])[1 + n % 3], n FROM generate_series(1, 9000) n;
INSERT INTO big.wide SELECT n, repeat(md5(n::text), 300000) FROM generate_series(1, 2) n;
REFRESH MATERIALIZED VIEW big.m;
SELECT lo_from_bytea(77, '\x0102');
END
run "$pgkeep" backup --source "$to=shop" --store "dir:$work/backups"
is "a backup" "$status" 0
id=$out
schema shop >"$work/schema"
rows shop >"$work/rows"
for n in 1 3; do
    run "$pgkeep" restore "$id" --to "$to=shop$n" --create --parallel "$n"
    is "--parallel $n" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    ok "$n: the same definitions" diff "$work/schema" <(schema "shop$n")
    ok "$n: the same rows" cmp "$work/rows" <(rows "shop$n")
done
is "large objects too" "$(value shop3 'SELECT lo_get(77)')" '\x0102'
is "the key is the table's own" "$(value shop3 "SELECT conindid::regclass, condeferrable FROM pg_constraint WHERE conname = 'a_later' AND conrelid <> 0")" "big.a_later|t"

# One that was dumped by several connections: its tables come in pieces, in any order.
run "$pgkeep" backup --source "$to=shop" --store "dir:$work/backups" --parallel 3
is "a backup by several connections" "$status" 0
run "$pgkeep" restore "$out" --to "$to=pieces" --create --parallel 2
is "restored by several" "$status" 0
[ "$status" = 0 ] || diag "$err"
ok "the same definitions" diff "$work/schema" <(schema pieces)
ok "the same rows" cmp "$work/rows" <(rows pieces)

# One error ends all, and names where.
run "$pgkeep" restore "$id" --to "$to=part" --create --table 'big.*' --parallel 3
is "a part, by several" "$status" 0
[ "$status" = 0 ] || diag "$err"
is "all its rows" "$(value part 'SELECT (SELECT count(*) FROM big.b), (SELECT count(*) FROM big.p)')" "60000|20000"
createdb taken
pg_dump --section=pre-data shop | psql -qX -d taken -o /dev/null
# shellcheck disable=SC2016 # for the server
psql -qX -d taken -c 'CREATE FUNCTION big.no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION $m$no more$m$; END$$' \
    -c 'CREATE TRIGGER no BEFORE INSERT ON big.b FOR EACH ROW WHEN (NEW.id = 30000) EXECUTE FUNCTION big.no()'
run "$pgkeep" restore "$id" --to "$to=taken" --section data --into-nonempty --parallel 4
is "an error of one session" "$status" 4
like "names table and chunk" "$err" 'rows of big.b, chunks? [0-9]+.*no more'
is "and leaves no session" "$(value postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = 'taken'")" 0
finished
