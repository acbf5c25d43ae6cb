#!/usr/bin/env bash
# PostgreSQL's own regression database, which holds one of everything, dumped and brought back by several connections: it
# is what pg_dump and psql make of it. Long (PGKEEP_LONG=1), and only where `scripts/install-services regress` has fetched
# the tests of Debian's PostgreSQL: nothing of them is ours to keep.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ -n "$test_long" ] || skip_all "the regression database is for the long form (PGKEEP_LONG=1)"
regress=${TEST_REGRESS:-$(getent passwd "$(id -u)" | cut -d: -f6)/.cache/pgkeep/services/regress}
[ -f "$regress/parallel_schedule" ] || skip_all "PostgreSQL's regression tests are not there (scripts/install-services regress)"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
server="host=$PGHOST port=$PGPORT user=postgres"
cp -r "$regress" "$work/regress" && mkdir -p "$work/regress/results" "$work/space" && chmod -R a+rwX "$work/regress" "$work/space"
createdb -T template0 regression
psql -qX -d regression -c "ALTER DATABASE regression SET lc_messages = 'C'; ALTER DATABASE regression SET lc_monetary = 'C';
    ALTER DATABASE regression SET datestyle = 'postgres, mdy'; ALTER DATABASE regression SET timezone = 'PST8PDT';
    ALTER DATABASE regression SET intervalstyle = 'postgres_verbose'"
# As pg_regress runs them, in order; what needs its C functions or finds another answer fails, which is of no matter here.
export PG_ABS_SRCDIR=$work/regress PG_ABS_BUILDDIR=$work/regress PG_LIBDIR=/nowhere PG_DLSUFFIX=.so
# shellcheck disable=SC2013 # words
for name in $(sed -n 's/^test: *//p' "$regress/parallel_schedule"); do
    (cd "$work/regress" && timeout 60 psql -qX -d regression -f "sql/$name.sql" >/dev/null 2>&1 </dev/null)
done
count=$(psql -AtX -d regression -c "SELECT count(*) FROM pg_class WHERE relnamespace > 16383 OR relnamespace = 'public'::regnamespace")
diag "relations: $count, $(psql -AtX -d regression -c "SELECT pg_size_pretty(pg_database_size('regression'))")"
ok "there is one of everything" test "$count" -gt 800

# In one time zone: the database has settings of its own, the one that psql fills has none.
everything() { PGOPTIONS='-c timezone=UTC' pg_dump "$1" | LC_ALL=C grep -avE '^\\(un)?restrict ' | LC_ALL=C sort; }
createdb -T template0 expected
pg_dump regression | psql -qX -v ON_ERROR_STOP=1 -d expected -o /dev/null 2>"$work/err" || diag "pg_dump | psql: $(head -n 1 "$work/err")"
ok "pg_dump and psql bring it back" test "$(psql -AtX -d expected -c 'SELECT count(*) FROM pg_class')" -gt 800
everything expected >"$work/expected"
for n in 0 1 2 4 8; do
    run "$pgkeep" backup --source "$server dbname=regression" --store "dir:$work/backups" --parallel "$n"
    is "a backup by $n" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    run "$pgkeep" restore "$out" --to "$server dbname=back" --create --parallel "$((n > 0 ? n : 3))"
    is "$n: a restore" "$status" 0
    [ "$status" = 0 ] || diag "$err"
    everything back >"$work/back"
    ok "$n: the same database" cmp "$work/expected" "$work/back"
    diff "$work/expected" "$work/back" | head -n 6 >&2
    dropdb back
done
finished
