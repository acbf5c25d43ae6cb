#!/usr/bin/env bash
# Restores that fail or are broken off: names that only a search_path finds, and what an interrupted one leaves running.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
to="host=$PGHOST port=$PGPORT user=postgres dbname"
value() { psql -qAtX -d "$1" -c "$2"; }
backup() { # backup DATABASE OPTION...: $id
    run "$pgkeep" backup --source "$to=$1" --store "dir:$work/backups" "${@:2}"
    [ "$status" = 0 ] || diag "$err"
    id=$out
}

# --- names that only a search_path finds, in every kind of thing that is computed while a dump is restored
for kind in check generated index domain matview; do
    createdb "path_$kind"
    psql -qX -v ON_ERROR_STOP=1 -d "path_$kind" -o /dev/null <<END
CREATE FUNCTION inner_one(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1 + 1';
CREATE FUNCTION outer_one(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN inner_one(\$1); END';
CREATE TABLE t (n int);
INSERT INTO t VALUES (1), (2);
END
    case $kind in
    check) sql='ALTER TABLE t ADD CHECK (outer_one(n) > 0)' ;;
    generated) sql='ALTER TABLE t ADD g int GENERATED ALWAYS AS (outer_one(n)) STORED' ;;
    index) sql='CREATE INDEX ON t (outer_one(n))' ;;
    domain) sql='CREATE DOMAIN d AS int CHECK (outer_one(VALUE) > 0); ALTER TABLE t ADD d d DEFAULT 4' ;;
    matview) sql='CREATE MATERIALIZED VIEW m AS SELECT outer_one(n) FROM t' ;;
    esac
    psql -qX -v ON_ERROR_STOP=1 -d "path_$kind" -c "$sql"
    backup "path_$kind"
    run "$pgkeep" restore "$id" --to "$to=path2_$kind" --create
    is "$kind: a bare name fails" "$status" 4
    like "$kind: the hint names the function and the way" "$err" 'hint: function inner_one .*--search-path'
    dropdb "path2_$kind"
    run "$pgkeep" restore "$id" --to "$to=path2_$kind" --create --search-path public
    is "$kind: --search-path" "$status" 0
    [ "$status" = 0 ] || diag "$err"
done
run "$pgkeep" backup --source "$to=path_check" --store "dir:$work/backups" --format custom
run "$pgkeep" restore "$out" --to "$to=path_custom" --create --search-path public
is "custom: --search-path" "$status" 0

# --- broken off: nothing goes on working on the server
createdb slow
psql -qX -v ON_ERROR_STOP=1 -d slow -o /dev/null <<'END'
CREATE TABLE t (n int);
INSERT INTO t VALUES (1);
END
# shellcheck disable=SC2016 # for the server
psql -qX -d slow -c 'ALTER TABLE t RENAME TO t0' -c 'CREATE FUNCTION nap(int) RETURNS int LANGUAGE sql AS $$SELECT 1 FROM pg_catalog.pg_sleep(CASE WHEN pg_catalog.current_database() = '"'slow2'"' THEN 600 ELSE 0 END)$$' \
    -c 'CREATE MATERIALIZED VIEW naps AS SELECT public.nap(n) FROM t0'
running() { value postgres "SELECT count(*) FROM pg_stat_activity WHERE datname = 'slow2' AND state = 'active'"; }
for way in "plain " "custom " "plain --no-owner" "plain --parallel 2"; do
    backup slow --format "${way%% *}"
    # shellcheck disable=SC2086 # words
    "$pgkeep" restore "$id" --to "$to=slow2" --create ${way#* } >"$work/slow.out" 2>"$work/slow.err" &
    pid=$!
    for _ in $(seq 200); do [ "$(running)" = 0 ] || break; read -rt 0.05 <> <(:); done
    is "$way: the restore is in a long statement" "$(running)" 1
    kill -TERM "$pid"
    wait "$pid"
    is "$way: SIGTERM ends it" "$?" 143
    for _ in $(seq 40); do [ "$(running)" != 0 ] || break; read -rt 0.05 <> <(:); done
    is "$way: and its backend" "$(running)" 0
    dropdb --force slow2
done
finished
