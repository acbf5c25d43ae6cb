#!/usr/bin/env bash
# The main job: a live database streams into a folder and a bucket at once, the catalog knows it, and it comes back
# - by pgkeep, and with standard tools alone. Every codec and format, every type, odd names, all databases.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
rgw_up
s3_bucket backups
folder=$work/backups
bucket="s3://backups/p?endpoint=$rgw_endpoint&path_style=true"

createdb shop
psql -qX -v ON_ERROR_STOP=1 -d shop >/dev/null <<'END'
CREATE TABLE orders (id int PRIMARY KEY, note text, total numeric, at timestamptz DEFAULT '2026-01-01');
INSERT INTO orders SELECT n, 'note ' || md5(n::text), n / 7.0 FROM generate_series(1, 200000) n;
CREATE TABLE log (line text);
INSERT INTO log SELECT repeat(E'a\\b\t', n % 9) FROM generate_series(1, 5000) n;
CREATE VIEW big AS SELECT * FROM orders WHERE total > 100;
CREATE SEQUENCE numbers START 42;
SELECT nextval('numbers'), lo_from_bytea(7, '\x00ff');
END
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"

backup() { run "$pgkeep" backup --source "$source" --store "dir:$folder" --store "$bucket" "$@"; }
field() { "$pgkeep" show "$1" --json | jq -r "$2"; }
s3_get() { s3_call GET "backups/p/$1"; }
schema() { pg_dump --schema-only "$1" | grep -vE '^\\(un)?restrict '; }
same_database() { # same_database NAME A B
    ok "$1: same schema" cmp <(schema "$2") <(schema "$3")
    ok "$1: same data" cmp <(pg_dump --data-only "$2" | grep -vE '^\\(un)?restrict ') \
        <(pg_dump --data-only "$3" | grep -vE '^\\(un)?restrict ')
}

# --- one backup, looked at from all sides
backup --name first --description "a test" --tag env=test --tag team=db
is "backup: exit status" "$status" 0
id=$out
like "backup prints the id and nothing else" "$id" '^[0-9A-HJKMNP-TV-Z]{26}$'
key=$(field "$id" '.copies[0].key')
like "the key has source, database, year, type, time and id" "$key" \
    "^data/adhoc/shop/[0-9]{4}/shop-full-[0-9]{8}T[0-9]{6}Z-$id\.sql\.gz$"
ok "both stores hold the same bytes" cmp "$folder/$key" <(s3_get "$key")
ok "and the same index" cmp "$folder/${key%.sql.gz}.index.gz" <(s3_get "${key%.sql.gz}.index.gz")
ok "and the same manifest" cmp "$folder/manifests/$id.json" <(s3_get "manifests/$id.json")
ok "and a page that tells how to restore by hand" grep -q ON_ERROR_STOP "$folder/RECOVERY.md"
is "sha256sum equals the manifest's" "$(sha256sum <"$folder/$key" | cut -d' ' -f1)" \
    "$(jq -r .sha256 "$folder/manifests/$id.json")"
is "the manifest counts rows" "$(jq -c '[.tables[] | [.name, .rows]]' "$folder/manifests/$id.json")" \
    '[["log",5000],["orders",200000]]'
is "files are private" "$(find "$folder" -type f ! -perm 600 -o -type d ! -perm 700)" ""
is "no temporary file is left" "$(find "$folder" -name '*.part')" ""
is "no upload is left open" "$(s3_call GET 'backups?uploads=' | grep -c '<Upload>')" 0
is "the catalog's states" "$(field "$id" '[.status, .copies[].state] | join(" ")')" "complete complete complete"
is "name, description, tags" "$(field "$id" '[.name, .description, .tags.env, .tags.team] | join("|")')" \
    "first|a test|test|db"
is "versions" "$(field "$id" '.versions.pg_dump')" "$(pg_dump --version | awk '{print $3}')"
run "$pgkeep" list --json
is "list knows it" "$(jq -r '.artifacts[].id' <<<"$out")" "$id"

# --- back again
run "$pgkeep" verify "$id" --level full --json
is "verify: exit status" "$status" 0
is "verify: both copies are good" "$(jq -r '[.verifications[].result] | join(" ")' <<<"$out")" "good good"
run "$pgkeep" restore "$id" --to "host=$PGHOST port=$PGPORT user=postgres dbname=shop2" --create
is "restore: exit status" "$status" 0
same_database "restore --create" shop shop2
createdb shop3
run "$pgkeep" restore "${id:0:12}" --to "dbname=shop3" --store "${bucket%%\?*}"
is "restore into an empty database, from the bucket, by a short id" "$status" 0
same_database "restore from the bucket" shop shop3
run "$pgkeep" restore "$id" --to "dbname=shop3"
is "restore refuses a target that has tables" "$status" 4
like "and says what to do" "$err" "not empty: it has 2 tables.*--create"
run "$pgkeep" restore "$id" --to "dbname=shop2" --create
is "restore --create refuses a database that exists" "$status" 4
run "$pgkeep" restore "$id" --to "dbname=nowhere"
is "restore into no database" "$status" 4
like "and says what to do" "$err" "--create"

# --- without pgkeep
createdb by_hand
zcat "$folder/$key" | psql -qX -v ON_ERROR_STOP=1 -d by_hand -o /dev/null
same_database "zcat | psql" shop by_hand
createdb by_hand2
s3_get "$key" | gunzip | psql -qX -v ON_ERROR_STOP=1 -d by_hand2 -o /dev/null
same_database "fetched from S3 | gunzip | psql" shop by_hand2

# --- fetch
run "$pgkeep" fetch "$id" --output "$work/stored"
is "fetch: exit status" "$status" 0
ok "fetch gives the stored bytes" cmp "$work/stored" "$folder/$key"
run "$pgkeep" fetch "$id" --output "$work/stored"
is "fetch refuses an existing file" "$status" 2
run "$pgkeep" fetch "$id" --output "$work/stored" --force
is "fetch --force" "$status" 0
"$pgkeep" fetch "$id" --decode --output - 2>/dev/null >"$work/plain"
ok "fetch --decode gives what was dumped" cmp "$work/plain" <(zcat "$folder/$key")
ok "and that is pg_dump's text" cmp <(grep -vE '^\\(un)?restrict ' "$work/plain") \
    <(pg_dump shop | grep -vE '^\\(un)?restrict ')
url=$("$pgkeep" fetch "$id" --presign 10min --store "${bucket%%\?*}" 2>/dev/null)
ok "a presigned URL works for anybody" cmp <(curl -sS "$url") "$folder/$key"
url=$("$pgkeep" fetch "$id" --presign 10min 2>/dev/null)
ok "--presign finds the bucket by itself" cmp <(curl -sS "$url") "$folder/$key"
run "$pgkeep" fetch "$id" --presign 10min --output "$work/x"
is "--presign with --output is a mistake" "$status" 2
run "$pgkeep" fetch "$id" --presign 10min --store "dir:$folder"
is "a folder has no URLs" "$status" 2

# --- damage is seen, never passed on
cp "$folder/$key" "$work/good"
printf '\x55' | dd of="$folder/$key" bs=1 seek=100000 conv=notrunc status=none
run "$pgkeep" fetch "$id" --store "dir:$folder" --output "$work/bad"
is "fetch of flipped bytes: exit status" "$status" 6
isnt_there "and no file" "$work/bad"
createdb bad
run "$pgkeep" restore "$id" --store "dir:$folder" --to "dbname=bad"
is "restore of flipped bytes: exit status" "$status" 6
unlike "and it does not say that it restored" "$out" restored
run "$pgkeep" verify "$id" --store "dir:$folder"
is "verify of flipped bytes: exit status" "$status" 6
is "the copy is damaged, the other is good" "$(field "$id" '[.copies[].state] | sort | join(" ")')" "complete damaged"
dropdb shop2
run "$pgkeep" restore "$id" --to "dbname=shop2" --create
is "a restore takes the good copy by itself" "$status" 0
cp "$work/good" "$folder/$key"
run "$pgkeep" verify "$id" --store "dir:$folder"
is "a copy that is right again heals" "$(field "$id" '[.copies[].state] | join(" ")')" "complete complete"
rm "$folder/manifests/$id.json"
run "$pgkeep" verify "$id" --level quick --store "dir:$folder"
is "a missing manifest: exit status" "$status" 6
is "a missing manifest: state" "$(field "$id" '[.copies[].state] | sort | join(" ")')" "complete missing"

# --- every codec and both formats
decoder() { case $1 in gzip*) echo gunzip ;; zstd*) echo "zstd -dc" ;; bzip2*) echo "bunzip2 -c" ;; none) echo cat ;; esac; }
decode() { bash -c "$(decoder "$1")"; }
for codec in gzip:1 gzip:6 zstd:3 bzip2:9 none; do
    backup --compress "$codec"
    is "$codec: exit status" "$status" 0
    key=$(field "$out" '.copies[0].key')
    ok "$codec: standard tools decode it" cmp <(decode "$codec" <"$folder/$key" | grep -vE '^\\(un)?restrict ') \
        <(pg_dump shop | grep -vE '^\\(un)?restrict ')
    ok "$codec: both stores hold the same bytes" cmp "$folder/$key" <(s3_get "$key")
    run "$pgkeep" verify "$out"
    is "$codec: verifies" "$status" 0
done
for codec in gzip none; do
    backup --format custom --compress "$codec"
    is "custom, $codec: exit status" "$status" 0
    id=$out key=$(field "$out" '.copies[0].key')
    like "custom, $codec: key" "$key" '\.dump(\.gz)?$'
    ok "custom, $codec: pg_restore reads it" bash -c "$(decoder "$codec") <'$folder/$key' | pg_restore --list"
    dropdb --if-exists custom
    run "$pgkeep" restore "$id" --to "dbname=custom" --create
    is "custom, $codec: restore" "$status" 0
    same_database "custom, $codec" shop custom
done
createdb one_table
run "$pgkeep" restore "$id" --to "dbname=one_table" --table log
is "custom: restore --table" "$status" 0
is "custom: only that table" "$(psql -AtX -d one_table -c "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'")" log

# --- types and filters
backup --type schema
is "--type schema" "$(field "$out" '[.type, .row_count, .table_count] | join(" ")')" "schema 0 0"
backup --type data --table 'lo*'
is "--type data --table" "$(field "$out" '[.type, (.tables | map(.name) | join(",")), .filters[0].pattern] | join(" ")')" "data log lo*"
backup --exclude-table-data log
is "--exclude-table-data" "$(field "$out" '.tables | map(.name) | join(",")')" orders

# --- names that would like to be something else
odd=$'a b/../c\'"; \\ \u00e4\n$(id)'
createdb "$odd"
psql -qX -o /dev/null -d "$odd" -c 'CREATE TABLE t (n int)' -c 'INSERT INTO t VALUES (1)'
# shellcheck disable=SC2001 # two characters, one rule
quoted=$(sed "s/[\\\\']/\\\\&/g" <<<"$odd")
odd_conninfo="host=$PGHOST port=$PGPORT user=postgres dbname='$quoted'"
run "$pgkeep" backup --source "$odd_conninfo" --store "dir:$folder" --store "$bucket"
is "a database of an odd name: exit status" "$status" 0
odd_id=$out
key=$(field "$out" '.copies[0].key')
like "its key is encoded" "$key" '^data/adhoc/a%20b%2F\.\.%2Fc%27%22%3B%20%5C%20%C3%A4%0A%24%28id%29/[0-9]{4}/'
ok "it lies where the key says" test -f "$folder/$key"
is "its name comes back" "$(field "$out" .database)" "$odd"
run "$pgkeep" list
unlike "its newline does not reach the terminal" "$out" $'\n\\$\\(id'
dropdb "$odd"
run "$pgkeep" restore "$odd_id" --to "$odd_conninfo" --create
is "it is restored under its name" "$(psql -AtX -d "$odd" -c 'SELECT n FROM t')" 1

# --- all databases of a server, and its globals
cat >"$work/pgkeep.conf" <<END
catalog = "$work/all.db";
sources: { all: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres";
                  databases = [ "*" ]; exclude_databases = [ "by_hand*", "shop?", "bad", "postgres", "custom" ]; globals = true; }; };
stores: { nas: { type = "dir"; path = "$work/nas"; }; };
jobs: { everything: { source = "all"; stores = [ "nas" ]; compress = "zstd"; }; };
END
unset PGKEEP_CATALOG
psql -qX -c "CREATE ROLE \"odd ' role\" PASSWORD 'role-secret'"
run "$pgkeep" --config "$work/pgkeep.conf" backup everything --json
is "all databases: exit status" "$status" 0
is "all databases: each is an artifact" "$(jq -r '[.artifacts[] | [.type, .database] | join(":")] | length' <<<"$out")" 4
is "all databases: the globals are one" "$(jq -r '[.artifacts[] | select(.type == "globals") | .database] | length' <<<"$out")" 1
globals=$(jq -r '.artifacts[] | select(.type == "globals") | .copies[0].key' <<<"$out")
like "globals have a folder of their own" "$globals" '^data/all/globals/[0-9]{4}/globals-'
ok "globals hold the roles" grep -q "CREATE ROLE \"odd ' role\"" <(zstd -dc "$work/nas/$globals")
globals=$(jq -r '.artifacts[] | select(.type == "globals") | .id' <<<"$out")
psql -qX -c "DROP ROLE \"odd ' role\"" -c "CREATE ROLE aaa"
run "$pgkeep" --config "$work/pgkeep.conf" restore "$globals" --to "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"
is "globals come back where some roles are there already" "$status" 0
is "globals: the role is there again" "$(psql -AtX -c "SELECT count(*) FROM pg_roles WHERE rolname = 'odd '' role'")" 1
psql -qX -c "DROP ROLE \"odd ' role\"" -c "CREATE ROLE weak LOGIN CREATEROLE"
run "$pgkeep" --config "$work/pgkeep.conf" restore "$globals" --to "host=$PGHOST port=$PGPORT user=weak dbname=postgres"
is "globals by one who may not do all of it: exit status" "$status" 4
like "globals by one who may not do all of it: what and that it is not whole" "$err" "may be incomplete.*permission denied|may be incomplete.*must be superuser"

# --- a database that is named and not there fails, under a pattern it is left out and said
cat >"$work/named.conf" <<END
catalog = "$work/named.db";
sources: { all: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"; databases = [ "shop", "closed", "shpo" ]; };
           rest: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"; databases = [ "clos*", "shop" ]; };
           none: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=postgres"; databases = [ "shpo" ]; }; };
stores: { nas: { type = "dir"; path = "$work/named"; }; };
jobs: { all: { source = "all"; stores = [ "nas" ]; }; rest: { source = "rest"; stores = [ "nas" ]; };
        none: { source = "none"; stores = [ "nas" ]; }; };
END
psql -qX -c 'CREATE DATABASE closed ALLOW_CONNECTIONS false'
run "$pgkeep" --config "$work/named.conf" backup all
is "named and not to be had beside a good one: exit status" "$status" 8
like "named and missing: which was meant" "$err" 'backup of "shpo": the server has no such database; did you mean "shop"\?'
like "named and closed: why" "$err" 'backup of "closed": it takes no connections'
run "$pgkeep" --config "$work/named.conf" backup none
is "named, missing and alone: exit status" "$status" 4
run "$pgkeep" --config "$work/named.conf" doctor
is "doctor fails for it too" "$status" 4
like "doctor says which" "$out" 'failed .*"shpo": the server has no such database'
run "$pgkeep" --config "$work/named.conf" backup rest
is "closed under a pattern: exit status" "$status" 0
is "closed under a pattern: said once" "$(grep -c 'database "closed" is left out' <<<"$err")" 1
psql -qX -c 'DROP DATABASE closed'

# --- a part of a database takes nobody's place: its group is another one
cat >"$work/parts.conf" <<END
catalog = "$work/parts.db";
sources: { shop: { conninfo = "$source"; }; };
stores: { nas: { type = "dir"; path = "$work/parts"; }; };
policies: { standard: { keep_daily = 7; }; };
jobs: { j: { source = "shop"; stores = [ "nas" ]; retention = "standard"; }; };
END
keep() { run "$pgkeep" --config "$work/parts.conf" "$@"; }
keep backup j
whole=$out
keep backup j --table log
part=$out
keep prune --job j
like "prune names the groups" "$out" 'group j/shop/full  store nas'
like "prune: the filtered one is a group of its own" "$out" 'group j/shop/full \(filtered: [0-9a-f]{8}\)  store nas'
keep prune --job j --yes
is "prune of a day's whole backup and a later one of a table: exit status" "$status" 0
keep list --json
is "both are there" "$(jq -r '[.artifacts[].id] | sort | join(" ")' <<<"$out")" "$(printf '%s\n' "$whole" "$part" | sort | paste -sd' ')"
keep list
like "list shows which one is filtered" "$(grep "${part:0:10}" <<<"$out")" 'full \(filtered\)'
unlike "and which is not" "$(grep "${whole:0:10}" <<<"$out")" 'filtered'
keep show latest:j --json
is "latest is the whole one" "$(jq -r .id <<<"$out")" "$whole"
keep status --json
is "status: the last good one of the job is the whole one" "$(jq -r '.jobs[0].databases[] | select(.filtered | not) | .id' <<<"$out")" "$whole"
mv "$work/parts.db" "$work/parts.old"
rm -f "$work"/parts.db-*
keep catalog rebuild
is "rebuild: exit status" "$status" 0
keep prune --job j --json
is "a rebuilt catalog has the same groups" "$(jq -r '[.groups[].group] | unique | length' <<<"$out")" 2
keep show latest:j --json
is "and the same latest" "$(jq -r .id <<<"$out")" "$whole"
finished
