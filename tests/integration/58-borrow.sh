#!/usr/bin/env bash
# A machine that has nothing but pgkeep and a URL: no configuration, no catalog. It restores by id and by latest, leaves
# nothing behind, and who forgot the prefix of the bucket is told where the backups lie.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

pg_up main
rgw_up
s3_bucket backups
createdb shop
createdb crm
psql -qX -d shop -c 'CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 100)' >/dev/null
psql -qX -d crm -c 'CREATE TABLE people (id int); INSERT INTO people SELECT generate_series(1, 7)' >/dev/null
query="endpoint=$rgw_endpoint&path_style=true"
target="host=$PGHOST port=$PGPORT user=postgres dbname"
shop=''
for database in shop crm; do
    run "$pgkeep" --catalog "$work/first.db" backup --source "$target=$database" --store "dir:$work/nas" --store "s3://backups/eu/prod?$query"
    is "a backup of $database on the first machine" "$status" 0
    declare "$database=$out"
done

# --- the other machine: an empty home
export TMPDIR=$work/tmp PGKEEP_CATALOG=$work/other.db
mkdir "$TMPDIR"
pg() { run "$pgkeep" "$@"; }
pg restore "$shop" --store "s3://backups/eu/prod?$query" --to "$target=r1" --create
is "restore by id from a bucket" "$status" 0
is "its rows are there" "$(psql -qXAt -d r1 -c 'SELECT count(*) FROM orders')" 100
pg restore latest:/crm --store "dir:$work/nas" --to "$target=r2" --create
is "restore by latest from a folder" "$status $(psql -qXAt -d r2 -c 'SELECT count(*) FROM people')" "0 7"
pg restore latest --store "dir:$work/nas" --to "$target=r3" --create
is "of two databases nothing is guessed" "$status" 2
like "and the choices are listed" "$err" "adhoc/crm 01.*adhoc/shop 01"
pg fetch "$shop" --store "s3://backups/eu/prod?$query" --output - --decode
like "fetch, too" "$out" "COPY public.orders"
pg verify "$shop" --store "dir:$work/nas"
is "verify, too" "$status" 0
is "no catalog was made, and nothing is left" "$(find "$work/other.db" "$TMPDIR" -name '*.db*' -o -name 'pgkeep-*' 2>/dev/null)" ""

# --- the prefix was forgotten, or is wrong
for prefix in "" "/old"; do
    pg restore "$shop" --store "s3://backups$prefix?$query" --to "$target=r4" --create
    is "the wrong prefix \"$prefix\": exit status" "$status" 1
    like "the hint names the right one" "$err" "hint: there are backups in s3://backups/eu/prod"
done
pg restore "$shop" --store "dir:$work" --to "$target=r4" --create
like "of a folder above, too" "$err" "hint: there are backups in dir:$work/nas"
pg catalog rebuild --store "s3://backups?$query"
like "catalog rebuild, too" "$err" "hint: there are backups in s3://backups/eu/prod"
pg show latest
like "and who has no catalog is told of --store" "$err" "catalog rebuild. makes it anew from the stores, with --store URL"
pg catalog rebuild --store "s3://backups/eu/prod?$query"
is "catalog rebuild --store URL" "$status" 0
pg restore latest:/shop --store "s3://backups/eu/prod?$query" --to "$target=r5" --create
is "a store that the catalog knows is read by it" "$status" 0
unlike "not as an unknown one" "$err" "read without a catalog"

# --- a catalog that was lost beside a running cron: the first backup into a fresh one says what lies there
again="$target=shop"
run "$pgkeep" --catalog "$work/fresh.db" backup --source "$again" --store "dir:$work/nas"
is "a backup with a fresh catalog" "$status" 0
# shellcheck disable=SC2016 # a command in a sentence
like "says what the store holds besides" "$err" 'warning: store "dir:[^"]*/nas" holds 2 backups that this catalog does not know: `pgkeep catalog sync`'
run "$pgkeep" --catalog "$work/fresh.db" list
like "list says it, too" "$err" "holds 2 backups that this catalog does not know"
run "$pgkeep" --catalog "$work/fresh.db" doctor --source "$again" --store "dir:$work/nas"
like "and doctor" "$out" "2 backups that the catalog does not know"
run "$pgkeep" --catalog "$work/fresh.db" catalog sync
run "$pgkeep" --catalog "$work/fresh.db" list
is "catalog sync takes them in" "$status $(grep -c 'dir:' <<<"$out") $err" "0 3 "
finished
