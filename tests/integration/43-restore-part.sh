#!/usr/bin/env bash
# A part of a backup brought back: tables and schemas by pg_dump's patterns, with all that belongs to them and nothing
# else, the same from a plain and from a custom backup.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop -o /dev/null <<'END'
CREATE ROLE clerk;
CREATE SCHEMA sales;
CREATE SCHEMA other;
CREATE TYPE sales.state AS ENUM ('new', 'paid');
CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION sales.price(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n * 2';
CREATE TABLE public.customers (id serial PRIMARY KEY, name text UNIQUE);
CREATE TABLE sales.orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL REFERENCES public.customers,
    state sales.state DEFAULT 'new', n int CHECK (sales.price(n) > 0), parent int REFERENCES sales.orders);
CREATE INDEX orders_state ON sales.orders (state);
CREATE INDEX orders_price ON sales.orders (sales.price(n));
CREATE TRIGGER audited BEFORE INSERT ON sales.orders FOR EACH ROW EXECUTE FUNCTION public.audit();
CREATE TRIGGER unchanged BEFORE UPDATE ON sales.orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
COMMENT ON TRIGGER audited ON sales.orders IS 'goes with it';
CREATE POLICY mine ON sales.orders USING (n > 0);
ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY;
CREATE RULE silent AS ON DELETE TO sales.orders WHERE OLD.n = 1 DO INSTEAD NOTHING;
CREATE STATISTICS sales.orders_stat ON state, n FROM sales.orders;
COMMENT ON TABLE sales.orders IS E'it''s\n-- Name: forged; Type: TABLE; Schema: public';
COMMENT ON COLUMN sales.orders.n IS 'how many';
COMMENT ON INDEX sales.orders_state IS 'by state';
GRANT SELECT ON sales.orders TO clerk;
CREATE VIEW sales.paid AS SELECT * FROM sales.orders WHERE state = 'paid';
CREATE VIEW sales.buyers AS SELECT name FROM public.customers;
CREATE MATERIALIZED VIEW public.sums AS SELECT state, sum(n) FROM sales.orders GROUP BY state;
CREATE TABLE other.orders (id int PRIMARY KEY, note text);
CREATE TABLE public."Odd;Name" ("a""b" int, "c.d" text);
CREATE TABLE public.parts (k int, v text) PARTITION BY LIST (k);
CREATE TABLE other.parts_1 PARTITION OF public.parts FOR VALUES IN (1);
CREATE TABLE public.parts_2 PARTITION OF public.parts FOR VALUES IN (2);
CREATE INDEX ON public.parts (k);
CREATE TABLE public.nothing ();
CREATE SEQUENCE public.alone START 7;
INSERT INTO public.customers (name) SELECT 'c' || n FROM generate_series(1, 100) n;
INSERT INTO sales.orders (customer, n, parent) SELECT 1 + n % 100, n, NULL FROM generate_series(1, 5000) n;
INSERT INTO other.orders SELECT n, E'row\n\\.\n' || n FROM generate_series(1, 300) n;
INSERT INTO public."Odd;Name" VALUES (1, 'x;'), (2, NULL);
INSERT INTO public.parts SELECT 1 + n % 2, n FROM generate_series(1, 1000) n;
INSERT INTO public.nothing DEFAULT VALUES;
SELECT nextval('alone'), lo_from_bytea(7, '\x00ff');
END
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"
to="host=$PGHOST port=$PGPORT user=postgres dbname"
declare -A ids
for format in plain custom; do
    run "$pgkeep" backup --source "$source" --store "dir:$work/backups" --format "$format"
    ids[$format]=$out
done
relations() { # of a database, all but indexes and toast
    psql -AtX -d "$1" -c "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE n.nspname !~ '^pg_|information_schema' AND relkind NOT IN ('i', 'I', 't') ORDER BY 1" | paste -sd' '
}
dump_table() { pg_dump -d "$1" --table "$2" | grep -vE '^\\(un)?restrict |^-- '; }

for format in plain custom; do
    id=${ids[$format]} db=part_$format
    run "$pgkeep" restore "$id" --to "$to=$db" --create --table sales.orders
    is "$format: one table" "$status" 0
    is "$format: with the sequence it owns and nothing else" "$(relations "$db")" "sales.orders sales.orders_id_seq"
    is "$format: all its rows" "$(psql -AtX -d "$db" -c 'SELECT count(*), sum(n) FROM sales.orders')" "5000|12502500"
    is "$format: its sequence goes on" "$(psql -qAtX -d "$db" -c 'INSERT INTO sales.orders (customer, n) VALUES (1, 1) RETURNING id')" 5001
    is "$format: indexes and constraints" "$(psql -AtX -d "$db" -c "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'sales.orders'::regclass ORDER BY 1::text" | paste -sd' ')" \
        "sales.orders_pkey sales.orders_price sales.orders_state"
    is "$format: policy, rule, statistics, rights, comments" "$(psql -AtX -d "$db" -c "SELECT (SELECT count(*) FROM pg_policy), (SELECT count(*) FROM pg_rules WHERE schemaname = 'sales'),
        (SELECT count(*) FROM pg_statistic_ext), has_table_privilege('clerk', 'sales.orders', 'SELECT'), obj_description('sales.orders'::regclass) LIKE 'it''s%', col_description('sales.orders'::regclass, 4),
        obj_description('sales.orders_state'::regclass)")" "1|1|1|t|t|how many|by state"
    is "$format: the trigger whose function is there" "$(psql -AtX -d "$db" -c "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")" unchanged
    is "$format: a foreign key to itself, none to what was left out" "$(psql -AtX -d "$db" -c "SELECT conname FROM pg_constraint WHERE contype = 'f'")" orders_parent_fkey
    like "$format: what is left out is named: a foreign key" "$err" 'left out: foreign key orders_customer_fkey of sales.orders needs public.customers'
    like "$format: a trigger" "$err" 'left out: trigger audited of sales.orders needs public.audit'
    like "$format: a view" "$err" 'left out: view sales.paid'

    run "$pgkeep" restore "$id" --to "$to=two_$format" --create --table orders --table 'cust*'
    is "$format: a bare name in every schema, and a wildcard" "$(relations "two_$format")" \
        "other.orders public.customers public.customers_id_seq sales.orders sales.orders_id_seq"
    is "$format: foreign keys between what came" "$(psql -AtX -d "two_$format" -c "SELECT count(*) FROM pg_constraint WHERE contype = 'f'")" 2
    run "$pgkeep" restore "$id" --to "$to=odd_$format" --create --table 'public."Odd;Name"' --table nothing
    is "$format: a quoted name" "$(psql -AtX -d "odd_$format" -c 'SELECT count(*) FROM "Odd;Name"; SELECT count(*) FROM nothing' | paste -sd' ')" "2 1"
    run "$pgkeep" restore "$id" --to "$to=parted_$format" --create --table parts
    is "$format: a partitioned table with its partitions" "$(psql -AtX -d "parted_$format" -c 'SELECT count(*) FROM parts; SELECT count(*) FROM other.parts_1' | paste -sd' ')" "1000 500"
    run "$pgkeep" restore "$id" --to "$to=schema_$format" --create --schema sales
    is "$format: a schema" "$(relations "schema_$format")" "sales.orders sales.orders_id_seq sales.paid"
    is "$format: with its functions" "$(psql -AtX -d "schema_$format" -c "SELECT sales.price(4)")" 8

    run "$pgkeep" restore "$id" --to "$to=none" --create --table ordrs
    is "$format: a pattern that fits nothing" "$status" 1
    like "$format: is named, with a near name" "$err" 'no table of the backup fits "ordrs".*orders'
    is "$format: and no database was made" "$(psql -AtXc "SELECT count(*) FROM pg_database WHERE datname = 'none'")" 0
    run "$pgkeep" restore "$id" --list --table sales.orders --json
    is "$format: --list" "$status" 0
    is "$format: --list tells of indexes" "$(jq -r '[.items[] | select(.type == "index") | .object] | sort | join(" ")' <<<"$out")" "orders_price orders_state"
    is "$format: and of what is left out" "$(jq -r '.left_out | length > 2' <<<"$out")" true

    run "$pgkeep" restore "$id" --list --schema sales
    is "$format: what a chosen view lacks is told once" "$(grep '^left out: view ' <<<"$out")" "left out: view sales.buyers needs public.customers"

    createdb "steps_$format"
    for section in pre-data data post-data; do
        run "$pgkeep" restore "$id" --to "$to=steps_$format" --section "$section" --into-nonempty
        is "$format: --section $section" "$status" 0
        [ "$status" = 0 ] || diag "$err"
    done
    ok "$format: the three sections are the whole" cmp <(pg_dump shop | grep -vE '^\\(un)?restrict ') <(pg_dump "steps_$format" | grep -vE '^\\(un)?restrict ')
    run "$pgkeep" restore "$id" --to "$to=bare_$format" --create --no-owner --no-privileges
    is "$format: --no-owner --no-privileges" "$status" 0
    is "$format: no rights" "$(psql -AtX -d "bare_$format" -c "SELECT has_table_privilege('clerk', 'sales.orders', 'SELECT')")" f
done
for table in sales.orders other.orders; do
    ok "both formats bring the same: $table" cmp <(dump_table two_plain "$table") <(dump_table two_custom "$table")
done

# --- everything odd: what a pattern brings of it, and the same from both formats
createdb nasty
psql -qX -d nasty -o /dev/null -f "$top/tests/support/nasty.sql" 2>"$work/nasty.err"
for format in plain custom; do
    run "$pgkeep" backup --source "$to=nasty" --store "dir:$work/backups" --format "$format"
    nasty=$out
    run "$pgkeep" restore "$nasty" --to "$to=nasty_$format" --create --table 'public.*'
    is "$format: all tables of a schema that holds everything odd" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    like "$format: with the extension that one of them needs" "$err" 'comes along: extension hstore'
done
# Which leaf holds a row of a hash partition on an enum differs between databases: lines are compared, not places.
all_lines() { pg_dump "$1" | grep -vE '^\\(un)?restrict |^(COPY public.hashed|-- load via)' | LC_ALL=C sort; }
ok "both formats bring the same of it" diff <(all_lines nasty_plain) <(all_lines nasty_custom)

# --- rows without a database
id=${ids[plain]}
for table in other.orders 'public."Odd;Name"' sales.orders; do
    ok "cat: CSV of $table is the server's" cmp <("$pgkeep" cat "$id" --table "$table" | LC_ALL=C sort) <(psql -X -d shop -c "\\copy (SELECT * FROM $table) TO STDOUT CSV HEADER" | LC_ALL=C sort)
    ok "cat: so is COPY's text" cmp <("$pgkeep" cat "$id" --table "$table" --format copy) <(psql -X -d shop -c "\\copy (SELECT * FROM $table) TO STDOUT")
done
is "cat: JSON" "$("$pgkeep" cat "$id" --table other.orders --format json --limit 1)" '{"id":"1","note":"row\n\\.\n1"}'
is "cat: --json is that, too" "$("$pgkeep" cat "$id" --table other.orders --json --limit 1)" '{"id":"1","note":"row\n\\.\n1"}'
is "cat: columns in another order, a limit" "$("$pgkeep" cat "$id" --table sales.orders --columns n,id --limit 2)" $'n,id\n1,1\n2,2'
run "$pgkeep" cat "$id" --table orders
is "cat: a pattern that fits two tables" "$status" 2
like "cat: names them" "$err" 'choose one: .*orders'
run "$pgkeep" cat "$id" --table sales.orders --columns nn
like "cat: a column that is not there" "$err" 'has no column "nn"'
# A reader that has seen enough: rows were asked for, a backup must not look whole.
"$pgkeep" cat "$id" --table sales.orders 2>"$work/err" | true
is "cat: a closed reader is a quiet end" "${PIPESTATUS[0]}$(cat "$work/err")" 0
"$pgkeep" fetch "$id" --decode --output - 2>"$work/err" | true
is "fetch: a closed reader is a failure" "${PIPESTATUS[0]}" 1
like "fetch: says that it is not whole" "$(cat "$work/err")" 'closed by its reader: the backup was not written to its end'
run "$pgkeep" restore "$id" --to "$to=bytes" --create --table other.orders --json
is "a part: --json tells its own size" "$(jq -r --argjson all "$("$pgkeep" show "$id" --json | jq .raw_bytes)" '.raw_bytes > 0 and .raw_bytes < $all / 4' <<<"$out")" true
run "$pgkeep" cat "$id" --table nowhere
is "cat: no such table" "$status" 1
finished
