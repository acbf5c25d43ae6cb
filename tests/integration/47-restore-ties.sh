#!/usr/bin/env bash
# A part of a backup that hangs together with what does not come: indexes that stay behind with all that speaks of them,
# operators of users, a lost partition that goes back into its living table.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
to="host=$PGHOST port=$PGPORT user=postgres dbname"
createdb hung
psql -qX -v ON_ERROR_STOP=1 -d hung <<'END'
CREATE FUNCTION public.f(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n';
CREATE FUNCTION public.same(a int, b int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT a = b';
CREATE OPERATOR public.=== (FUNCTION = public.same, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(public.===));
CREATE TABLE public.t (a int CHECK (a OPERATOR(public.===) a), b int);
CREATE INDEX ti ON public.t (public.f(a));
CREATE STATISTICS public.ts ON (public.f(a)), b FROM public.t;
ALTER INDEX public.ti ALTER COLUMN 1 SET STATISTICS 7;
COMMENT ON INDEX public.ti IS 'x';
COMMENT ON STATISTICS public.ts IS 'x';
INSERT INTO public.t SELECT n, n FROM generate_series(1, 10) n;
CREATE TABLE public.ref (id int PRIMARY KEY);
CREATE TABLE public.pq (id int PRIMARY KEY REFERENCES public.ref, v text) PARTITION BY RANGE (id);
CREATE TABLE public.pq1 PARTITION OF public.pq FOR VALUES FROM (0) TO (100);
CREATE TABLE public.pq2 PARTITION OF public.pq FOR VALUES FROM (100) TO (200);
CREATE INDEX pq_v ON public.pq (v);
COMMENT ON INDEX public.pq1_v_idx IS 'x';
INSERT INTO public.ref SELECT n FROM generate_series(1, 199) n;
INSERT INTO public.pq SELECT n, n FROM generate_series(1, 199) n;
END
keys_of_pq() { pg_dump -d hung --table 'pq*' | grep -vE '^\\(un)?restrict |^-- '; }
keys_of_pq >"$work/pq.before"
for format in plain custom; do
    run "$pgkeep" backup --source "$to=hung" --store "dir:$work/backups" --format "$format"
    hung=$out
    run "$pgkeep" restore "$hung" --to "$to=hung_$format" --create --table t
    is "$format: an index, statistics that need a function stay behind with all that speaks of them" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    like "$format: they are named" "$err" 'left out: index ti of public.t needs public.f'
    like "$format: a check's operator comes along" "$err" 'comes along: operator public."==="'
    is "$format: and its function" "$(psql -AtX -d "hung_$format" -c "SELECT 1 OPERATOR(public.===) 1, count(*) FROM t")" "t|10"
    for sessions in 1 2; do
        psql -qX -d hung -c 'DROP TABLE pq1'
        run "$pgkeep" restore "$hung" --to "$to=hung" --into-nonempty --table pq1 --parallel "$sessions"
        is "$format, $sessions sessions: a lost partition goes back into its living table" "$status" 0
        [ "$status" = 0 ] || diag "$err"
        ok "$format, $sessions sessions: all is as before" diff "$work/pq.before" <(keys_of_pq)
    done
done
# --- an archive's rows come in several COPYs: an error shows before the table's end, a cut is no row's
createdb wide
psql -qX -v ON_ERROR_STOP=1 -d wide <<'END'
CREATE TABLE public.wide (id int, v text);
INSERT INTO public.wide SELECT n, repeat('a' || n || E'\n\t\\', 2000) FROM generate_series(1, 3600) n;
END
run "$pgkeep" backup --source "$to=wide" --store "dir:$work/backups" --format custom
wide=$out
sum() { psql -AtX -d "$1" -c "SELECT count(*), md5(string_agg(md5(v), '' ORDER BY id)) FROM wide"; }
run "$pgkeep" restore "$wide" --to "$to=wide_again" --create
is "custom: a table larger than one COPY" "$status" 0
[ "$status" = 0 ] || diag "$err"
is "custom: has all its rows" "$(sum wide_again)" "$(sum wide)"
psql -qX -d wide_again -c 'TRUNCATE wide; ALTER TABLE wide ADD CHECK (id < 3600)'
run "$pgkeep" restore "$wide" --to "$to=wide_again" --section data --into-nonempty
is "custom: a row that the target refuses" "$status" 4
like "custom: is named with its table" "$err" 'rows of public.wide: .*check constraint'
is "custom: rows went in by pieces" "$(psql -AtX -d wide_again -c 'SELECT count(*) BETWEEN 1000 AND 3599 FROM wide')" t

# --- several sessions: the tablespace of their last index is not that of what comes behind
psql -qX -d postgres -c 'SET allow_in_place_tablespaces = on' -c "CREATE TABLESPACE ts LOCATION ''"
createdb spaces
psql -qX -v ON_ERROR_STOP=1 -d spaces <<'END'
CREATE MATERIALIZED VIEW public.a AS SELECT 1 AS n;
CREATE INDEX a_n ON public.a (n);
SELECT format('CREATE TABLE public.z%1$s (n int); CREATE INDEX z%1$s_n ON public.z%1$s (n) TABLESPACE ts', n) FROM generate_series(1, 8) n \gexec
END
run "$pgkeep" backup --source "$to=spaces" --store "dir:$work/backups"
run "$pgkeep" restore "$out" --to "$to=spaces_again" --create --parallel 2
is "several sessions: tablespaces" "$status" 0
is "several sessions: each index in its own" "$(psql -AtX -d spaces_again -c "SELECT count(*) FILTER (WHERE relname ~ '^z'), count(*) FROM pg_class WHERE reltablespace = (SELECT oid FROM pg_tablespace WHERE spcname = 'ts')")" "8|8"
finished
