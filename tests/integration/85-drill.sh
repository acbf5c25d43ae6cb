#!/usr/bin/env bash
# Goal: a drill proves what can be restored, finds what is not as the backup says, and leaves nothing anywhere, also
# when it is killed.
# shellcheck disable=SC2016,SC2034 # conditions are evaluated later
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || skip_all "sqlite3 is not installed (package sqlite3)"
pg_up main
RANDOM=${test_seed:-$$}
diag "PGKEEP_SEED=${test_seed:-$$}"
mkdir -m 711 "$work/tmp"
mkdir "$work/store"
export TMPDIR=$work/tmp PGKEEP_CONFIG=$work/pgkeep.conf
catalog=$work/catalog.db
config() { # config KEYS [CODEC-KEYS]
    cat >"$PGKEEP_CONFIG" <<END
catalog = "$catalog";
sources: { pg: { conninfo = "dbname=shop"; }; };
stores: { nas: { type = "dir"; path = "$work/store"; }; };
jobs: { nightly: { source = "pg"; stores = [ "nas" ]; $1 }; };
END
}
sql() { sqlite3 -cmd '.timeout 5000' "$catalog" "$1"; }
last() { sql "SELECT level || '|' || result FROM verifications ORDER BY id DESC LIMIT 1"; }
# Processes that work in a folder of a drill.
processes() { find /proc -maxdepth 2 -name cwd -lname "$TMPDIR/*pgkeep-drill-*" 2>/dev/null | wc -l; }
left() { # everything a drill could leave: folders, databases, processes, rows
    echo "$(find "$TMPDIR" -maxdepth 2 -name 'pgkeep-drill-*' | wc -l)$(psql -qXAt -c "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgkeep%'")$(processes)$(sql "SELECT count(*) FROM scratches")"
}
object() { find "$work/store/data" -name "*$1.sql*" -o -name "*$1.dump*"; }

createdb shop
psql -qX -v ON_ERROR_STOP=1 shop >/dev/null 2>"$work/setup" <<'END' || { diag "$(cat "$work/setup")" && exit 1; }
CREATE ROLE drill_app; CREATE ROLE "drill Odd role";
CREATE SCHEMA sales AUTHORIZATION drill_app;
CREATE TYPE sales.mood AS ENUM ('a', 'b');
CREATE TABLE sales.orders (id serial PRIMARY KEY, m sales.mood, x text UNIQUE, c int CHECK (c > 0));
INSERT INTO sales.orders (m, x, c) SELECT 'a', g::text, g FROM generate_series(1, 3000) g;
CREATE TABLE lines (id int GENERATED ALWAYS AS IDENTITY, o int REFERENCES sales.orders, t tsrange, EXCLUDE USING gist (t WITH &&));
INSERT INTO lines (o) SELECT 1 + g % 3000 FROM generate_series(1, 4000) g;
CREATE INDEX ON lines (o);
CREATE TABLE p (k sales.mood, v int, PRIMARY KEY (k, v)) PARTITION BY HASH (k);
CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON p (v);
INSERT INTO p SELECT CASE WHEN g % 2 = 0 THEN 'a' ELSE 'b' END::sales.mood, g FROM generate_series(1, 100) g;
CREATE TABLE r (d date, v int REFERENCES sales.orders) PARTITION BY RANGE (d);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
INSERT INTO r SELECT '2020-05-01', 5 FROM generate_series(1, 30);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON r FOR EACH ROW EXECUTE FUNCTION f();
CREATE VIEW v AS SELECT * FROM lines;
CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM lines;
CREATE INDEX ON mv (count);
CREATE TYPE fr AS RANGE (subtype = float8);
CREATE POLICY pol ON lines TO drill_app, "drill Odd role" USING (true);
ALTER TABLE lines OWNER TO "drill Odd role";
GRANT SELECT ON lines TO drill_app WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE drill_app GRANT SELECT ON TABLES TO "drill Odd role";
CREATE AGGREGATE ag(int) (SFUNC = int4pl, STYPE = int);
CREATE TABLE child (extra text) INHERITS (lines);
INSERT INTO child (id, o, extra) VALUES (1, 3, 'x');
SELECT lo_from_bytea(4711, 'large');
CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere' PUBLICATION pub WITH (connect = false, slot_name = NONE);
ALTER DATABASE shop SET search_path = sales, public;
COMMENT ON DATABASE shop IS 'of others';
END

# ---- what stands its drill ----
config 'parallel = 2; drill_checks = [ "SELECT count(*) = 3000 FROM sales.orders" ];'
id=$("$pgkeep" -q backup nightly)
run "$pgkeep" verify --level drill latest
is "a backup by several sessions stands its drill" "$status:$(last)" "0:3|good"
like "which counted every row" "$out" "5 tables with 7131 rows, 2 sequences"
is "it is proven for retention" "$(sql "SELECT proven_level FROM copies")" 3
is "nothing is left" "$(left)" 0000
run "$pgkeep" --json show latest
is "what was compared is in the history" "$(jq -c '.verifications[0].drill | [.tables, .rows, .checks, .differences, .counts.tables, .counts.indexes, .counts.foreign_keys, .counts.functions, .counts.triggers, .counts.policies, .counts.large_objects, .target]' <<<"$out")" \
    '[5,7131,1,0,8,5,2,2,1,1,1,"cluster"]'
run "$pgkeep" verify --level drill latest --to dbname=postgres
is "the same in a database of a server" "$status:$(last)" "0:3|good"
is "which is dropped again" "$(left)" 0000
run "$pgkeep" verify --level drill latest --to dbname=postgres --against dbname=shop
is "row by row it is what is live" "$status" 0
psql -qX shop -c "UPDATE lines SET o = 7 WHERE id = 1" -c "INSERT INTO p VALUES ('a', 1000)" -c "CREATE TABLE fresh ()"
run "$pgkeep" --json verify --level drill latest --to dbname=postgres --against dbname=shop
is "and what changed there is named, and no fault of the backup" "$status:$(last):$(jq -c '.verifications[0].differing | sort' <<<"$out")" \
    '6:3|good:["public.child","public.lines","public.p","sales.fresh"]'
psql -qX shop -c "DROP TABLE fresh"

# ---- suspect ----
sql "UPDATE artifacts SET suspect = 1, updated = updated + 1000"
to=(--to dbname=postgres) # quicker than a cluster
config ''
run "$pgkeep" verify --level drill latest "${to[@]}"
is "without drill_checks nothing is cleared" "$status:$(sql "SELECT suspect FROM artifacts")" "0:1"
config 'drill_checks = [ "SELECT count(*) = 3000 FROM sales.orders", "SELECT NOT EXISTS (SELECT FROM sales.orders)" ];'
run "$pgkeep" verify --level drill latest "${to[@]}"
is "a check that is not true is damage" "$status:$(last):$(sql "SELECT suspect FROM artifacts")" "6:3|damaged:1"
like "and is quoted" "$out" "check 2 is not true: SELECT NOT EXISTS"
config 'drill_checks = [ "SELEC 1" ];'
run "$pgkeep" verify --level drill latest "${to[@]}"
is "one that cannot be asked decides nothing" "$status:$(last)" "4:3|undecided"
# shellcheck disable=SC2016 # for the command
config 'drill_checks = [ "SELECT true" ]; drill_command = [ "/bin/sh", "-c", "psql -XAt \"$PGKEEP_CONNINFO\" -c \"SELECT 1/(count(*)/3000) FROM sales.orders\"" ];'
run "$pgkeep" verify --level drill latest "${to[@]}"
is "with them a drill heals and clears" "$status:$(last):$(sql "SELECT suspect FROM artifacts")" "0:3|good:0"
config 'drill_command = [ "/bin/false" ];'
run "$pgkeep" verify --level drill latest "${to[@]}"
is "a command that fails is damage" "$status:$(last)" "6:3|damaged"
is "after all of them nothing is left" "$(left)" 0000
run "$pgkeep" verify --level drill latest --to "dbname=postgres port=1"
is "a server that is away decides nothing" "$status:$(last)" "4:3|undecided"
is "and leaves nothing" "$(left)" 0000

# ---- at random: what it is made as, and what is done to it ----
rounds=${TEST_DRILLS:-${test_long:+50}}
keys=('compress = "gzip";' 'compress = "zstd";' 'compress = "bzip2";' 'compress = "none";' 'parallel = 1;' 'format = "custom";'
    'parallel = 2; compress = "zstd";' 'format = "custom"; compress = "none";')
filters=("" "" "--exclude-table-data public.lines" "--exclude-schema nothing*" "--type schema" "--schema sales")
faults=(none none flip manifest lost)
[ "${rounds:-4}" -gt 4 ] || faults=(none flip manifest lost)
for ((round = 0; round < ${rounds:-4}; round++)); do
    key=${keys[RANDOM % ${#keys[@]}]} filter=${filters[RANDOM % ${#filters[@]}]} fault=${faults[round % ${#faults[@]}]}
    case $fault in flip) want="6:3|damaged" ;; manifest | lost) want="6:3|damaged" filter="" ;; *) want="0:3|good" ;; esac
    # What an archive holds in rows is not counted, so its manifest cannot lie about it.
    case $fault in manifest | lost) key=${key/format = \"custom\";/} ;; esac
    config "$key"
    # shellcheck disable=SC2086 # words
    id=$("$pgkeep" -q backup nightly $filter)
    manifest=$work/store/manifests/$id.json
    case $fault in
        flip)
            file=$(object "$id")
            at=$((RANDOM % ($(stat -c %s "$file") - 200) + 100))
            byte=$(dd if="$file" bs=1 skip=$at count=1 status=none | od -An -tu1)
            # shellcheck disable=SC2059 # a byte
            printf "\\x$(printf %x $((byte ^ 4)))" | dd of="$file" bs=1 seek=$at conv=notrunc status=none
            ;;
        manifest) # a row too many
            jq -c '.tables[0].rows += 1 | .row_count += 1' "$manifest" >"$work/forged" && cp "$work/forged" "$manifest"
            "$pgkeep" -q catalog rebuild >/dev/null
            ;;
        lost) # a table that never came
            jq -c '.tables += [{"schema": "public", "name": "lost", "rows": 1, "raw_bytes": 10}] | .table_count += 1 | .row_count += 1' \
                "$manifest" >"$work/forged" && cp "$work/forged" "$manifest"
            "$pgkeep" -q catalog rebuild >/dev/null
            ;;
    esac
    place=()
    [ $((round % 4)) = 0 ] || place=("${to[@]}")
    run "$pgkeep" verify --level drill "$id" "${place[@]}"
    is "round $round: $fault, $key $filter" "$status:$(last)" "$want"
    [ "$status:$(last)" = "$want" ] || diag "$out $err"
done
is "whatever came of them, nothing is left" "$(left)" 0000

# ---- many ----
run "$pgkeep" --json verify --level drill "${to[@]}"
like "without ids the newest of each group is drilled" "$(jq '.verifications | length' <<<"$out")" "^[1-9]$"
run "$pgkeep" --json verify --level drill --all --budget 1s "${to[@]}"
is "all of them, within a budget" "$(jq '.verifications | length > 0' <<<"$out")" true

# ---- ended from outside ----
config ''
id=$("$pgkeep" -q backup nightly)
drill() { # drill OPTIONS: in the background, its pid in $pid
    "$pgkeep" verify --level drill "$id" "$@" >"$work/drill.out" 2>&1 &
    pid=$!
}
wait_for() { # wait_for CONDITION: or until the drill has ended
    until eval "$1" >/dev/null 2>&1 || ! kill -0 "$pid" 2>/dev/null; do :; done
}
config 'drill_checks = [ "SELECT pg_sleep(20) IS NOT NULL" ];' # which is not waited for
drill
wait_for '[ "$(processes)" -gt 2 ]'
kill -TERM "$pid"
wait "$pid"
is "SIGTERM ends it" "$?:$(grep -c 'undecided' "$work/drill.out")" 143:0
is "and leaves nothing" "$(left)" 0000
drill
wait_for '[ "$(sql "SELECT count(*) FROM scratches")" = 1 ]'
"$pgkeep" -q cancel "$(sql "SELECT max(id) FROM runs")" >/dev/null
wait "$pid"
is "so does cancel" "$?:$(left)" "143:0000"

# ---- killed ----
tmp=$TMPDIR # of each drill a folder of its own, so that what the one before left is not taken for its own
rows() { sql "SELECT count(*) FROM scratches"; }
newest() { psql -qXAt -c "SELECT datname FROM pg_database WHERE datname LIKE 'pgkeep_drill%' ORDER BY oid DESC LIMIT 1"; }
kill_at() { # kill_at CONDITION OPTIONS: a drill, when it is that far
    local when=$1
    shift
    export TMPDIR=$tmp/$((++killed))
    mkdir -m 711 "$TMPDIR"
    before=$(rows) last=$(newest)
    drill "$@"
    wait_for "$when"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    TMPDIR=$tmp
}
killed=0
kill_at '[ "$(rows)" -gt "$before" ]'
kill_at 'ls "$TMPDIR" | grep .'
kill_at 'ls -d "$TMPDIR"/*/data/base'
kill_at '[ "$(processes)" -gt 0 ]'
kill_at 'ls "$TMPDIR"/*/data/global/pg_control'
kill_at 'ls "$TMPDIR"/*/.s.PGSQL.5432'
kill_at 'ls "$TMPDIR"/*/data/base | grep ^16'
kill_at '[ "$(rows)" -gt "$before" ]' --to dbname=postgres
kill_at '[ "$(newest)" != "$last" ]' --to dbname=postgres
kill_at 'psql -qXAt -c "SELECT query FROM pg_stat_activity" | grep "^SELECT pg_sleep"' --to dbname=postgres
is "ten that were killed are known" "$killed:$(rows)" 10:10
run "$pgkeep" --json sweep
is "one sweep finds it" "$status:$(jq .drills <<<"$out")" 0:10
is "and nothing is left on any server or disk" "$(left)" 0000
run "$pgkeep" sweep
is "a second one has nothing to do" "$out" "nothing to sweep"
finished
