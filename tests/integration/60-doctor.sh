#!/usr/bin/env bash
# doctor looks at everything that must work: real PostgreSQL, a folder, buckets of real services - plain, with
# versions, with locks (Ceph always; MinIO and versitygw where they are installed). What is wrong is named with what to do, the rest is looked at all the same, and nothing is left
# behind anywhere. --adopt gives a store that was emptied on purpose a new mark, and takes another's only by name.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

export PGKEEP_CATALOG=$work/catalog.db
pg_up main
rgw_up
s3_bucket plain || exit 1
s3_bucket versions versioned || exit 1
s3_bucket locks locked || exit 1
s3_bucket keeps locked || exit 1
keep='<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>'
s3_call PUT "keeps?object-lock=" "$keep" -H "Content-MD5: $(printf %s "$keep" | openssl md5 -binary | base64)" || exit 1
createdb shop
psql -qX -d shop -c 'CREATE TABLE t (n int)' -c 'INSERT INTO t SELECT generate_series(1, 1000)'

store_url() { echo "s3://$1/p?endpoint=$rgw_endpoint&path_style=true${2:-}"; }
left_in() { # what lies in a bucket: versions, markers, open uploads
    s3_call GET "$1?versions=" | grep -oE '<(Version|DeleteMarker)>' | wc -l
    s3_call GET "$1?uploads=" | grep -o '<Upload>' | wc -l
}
# verdict GROUP NAME CHECK FIELD of the JSON in $out
of() { jq -r --arg g "$1" --arg n "$2" --arg c "$3" --arg f "$4" \
    '[.checks[] | select(.group == $g and (.name // "") == $n and .check == $c) | .[$f]] | join(" ")' <<<"$out"; }
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"

# --- ad hoc, all is well
folder="$work/it's a folder"
mkdir "$folder"
for bucket in plain versions locks; do
    run "$pgkeep" doctor --source "$source" --store "dir:$folder" --store "$(store_url "$bucket" '&provider=ceph')"
    is "$bucket: all is well" "$status" 0
    like "$bucket: nothing to say" "$out" ' ok, 0 warnings, 0 failed, 0 skipped$'
    like "$bucket: the server" "$out" "ok       server: PostgreSQL 1[0-9]"
    like "$bucket: pg_dump" "$out" "ok       pg_dump, pg_dumpall, pg_restore, psql: 1[0-9]"
    like "$bucket: a wrong MD5 is refused" "$out" 'a part with a wrong MD5: refused \(400 BadDigest\)'
    like "$bucket: a wrong SHA-256 is refused" "$out" 'a part with a wrong SHA-256: refused \(400'
    is "$bucket: nothing is left" "$(left_in "$bucket" | xargs)" "0 0"
done
is "folder: nothing is left" "$(ls -A "$folder")" ""
isnt_there "no catalog is made" "$PGKEEP_CATALOG"

run "$pgkeep" doctor --json --store "$(store_url plain '&provider=ceph')"
is "plain: If-None-Match is honoured" "$(of store s3://plain/p if-none-match found)" "honoured (412)"
is "plain: no versions" "$(of store s3://plain/p versioning found)" "off: what is deleted is gone"
run "$pgkeep" doctor --json --store "$(store_url locks '&provider=ceph')"
like "locks: lock without default" "$(of store s3://locks/p lock found)" '^on, no default'
like "locks: versions" "$(of store s3://locks/p versioning found)" '^on'

# --- a bucket that would keep what is written
run "$pgkeep" doctor --json --store "$(store_url keeps '&provider=ceph')"
is "default retention: no failure" "$status" 0
like "default retention: named" "$(of store s3://keeps/p lock found)" 'COMPLIANCE for 1 day:'
is "default retention: no object is tried" "$(of store s3://keeps/p put verdict)" skipped
is "default retention: uploads are" "$(of store s3://keeps/p content-md5 verdict)" ok
is "default retention: nothing is left" "$(left_in keeps | xargs)" "0 0"

# --- a row that does not fit
run "$pgkeep" doctor --json --store "$(store_url plain '&provider=minio')"
is "taken for MinIO: a warning only" "$status" 0
like "taken for MinIO: the row that fits" "$(of store s3://plain/p provider advice)" 'provider = "ceph"'
like "taken for MinIO: what differs" "$(of store s3://plain/p provider found)" 'If-None-Match at the end of an upload'
is "taken for MinIO: nothing is left" "$(left_in plain | xargs)" "0 0"
run "$pgkeep" doctor --quiet --store "$(store_url plain)"
is "quiet: nothing where all is well" "$status:$out" "0:"

# --- what is wrong is named, with what to do
AWS_SECRET_ACCESS_KEY=wrong run "$pgkeep" doctor --store "$(store_url plain)" --store "dir:$folder"
is "wrong secret: exit status" "$status" 5
like "wrong secret: named" "$out" 'failed   reached: .*403 SignatureDoesNotMatch'
like "wrong secret: hint" "$out" '-> check the secret key'
like "wrong secret: the folder is looked at all the same" "$out" 'ok       writing, reading, removing'
run "$pgkeep" doctor --store "$(store_url nowhere)"
is "missing bucket: exit status" "$status" 5
like "missing bucket: hint" "$out" '-> create the bucket, or check its name'
run "$pgkeep" doctor --store "s3://plain/p?endpoint=http://127.0.0.1:1&retry_time=1s"
is "nobody there: exit status" "$status" 5
like "nobody there: hint" "$out" '-> check the endpoint'
run "$pgkeep" doctor --source "host=$PGHOST port=1 dbname=shop"
is "no server: exit status" "$status" 4
run "$pgkeep" doctor --source "host=127.0.0.1 port=$PGPORT user=postgres dbname=shop password=wr0ng-secret"
is "wrong password: exit status" "$status" 4
like "wrong password: named" "$out" 'failed   server: .*password authentication failed'
unlike "wrong password: never shown" "$out$err" 'wr0ng'
run "$pgkeep" doctor --source "$source nosuch=1"
isnt_zero() { [ "$status" != 0 ]; }
ok "malformed conninfo: not well" isnt_zero
run "$pgkeep" doctor --source "host=$PGHOST port=$PGPORT user=postgres dbname=nosuch"
is "no such database: exit status" "$status" 4

# an old pg_dump
mkdir "$work/old"
for program in pg_dump pg_dumpall pg_restore psql; do
    printf '#!/bin/sh\necho "%s (PostgreSQL) 9.6.24"\n' $program >"$work/old/$program"
    chmod +x "$work/old/$program"
done
PGKEEP_PG_BIN_DIR=$work/old run "$pgkeep" doctor --source "$source"
is "old pg_dump: exit status" "$status" 4
like "old pg_dump: named" "$out" 'failed   pg_dump, .*9\.6\.24 is too old'
like "old pg_dump: the package" "$out" '-> install the package postgresql-client-[0-9]+'
like "old pg_dump: rights are looked at all the same" "$out" 'ok       rights to dump'

# a role that would not see every row
psql -qX -d shop <<'END'
CREATE ROLE backup LOGIN PASSWORD 'only-a-test';
CREATE TABLE secrets (n int);
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup;
GRANT CONNECT ON DATABASE shop TO backup;
END
run "$pgkeep" doctor --source "host=$PGHOST port=$PGPORT user=backup dbname=shop"
is "row-level security: exit status" "$status" 4
like "row-level security: named" "$out" 'failed   rights to dump: .*row-level security'
like "row-level security: hint" "$out" '-> .*BYPASSRLS'
psql -qX -d shop -c 'ALTER ROLE backup BYPASSRLS' -c 'CREATE TABLE hidden (n int)'
run "$pgkeep" doctor --source "host=$PGHOST port=$PGPORT user=backup dbname=shop"
like "a table that may not be read: named" "$out" 'failed   rights to dump: .*hidden'
psql -qX -d shop -c 'DROP TABLE hidden'

# folders
mkdir -m 755 "$work/readonly" && mkdir -m 777 "$work/open" && touch "$work/readonly/file"
[ "$(id -u)" = 0 ] || chmod 555 "$work/readonly"
PGKEEP_CATALOG=$work/open/catalog.db run as_postgres "$pgkeep" doctor --store "dir:$work/readonly"
is "read-only folder: exit status" "$status" 5
like "read-only folder: named" "$out" 'failed   writing, reading, removing: .*Permission denied'
PGKEEP_CATALOG=$work/readonly/catalog.db run as_postgres "$pgkeep" doctor --store "dir:$work/open"
is "a catalog that cannot be made: exit status" "$status" 1
like "a catalog that cannot be made: hint" "$out" '-> make its folder'
echo >"$work/file"
run "$pgkeep" doctor --store "dir:$work/file"
is "a file is no folder: exit status" "$status" 5
run "$pgkeep" doctor --store "dir:$work/not yet"
is "a folder that is not there yet: a warning" "$status" 0
like "a folder that is not there yet: said" "$out" 'warning  reached: .*does not exist yet'
isnt_there "and it is not made" "$work/not yet"

# --- configured: jobs, policies, catalog, marks
cat >"$work/pgkeep.conf" <<END
sources: { shop: { conninfo = "$source"; };
           all: { conninfo = "$source"; databases = [ "*" ]; exclude_databases = [ "postgres" ]; globals = true; }; };
stores:  { nas: { type = "dir"; path = "$work/nas"; };
           rgw: { type = "s3"; endpoint = "$rgw_endpoint"; bucket = "versions"; prefix = "c/"; provider = "ceph"; }; };
policies: { standard: { keep_daily = 7; }; nothing: { min_keep = 2; }; };
jobs:    { nightly: { source = "shop"; stores = [ "nas", "rgw" ]; retention = "standard"; };
           weekly: { source = "all"; stores = [ "nas" ]; retention = "nothing"; };
           forever: { source = "all"; stores = [ "nas" ]; }; };
END
export PGKEEP_CONFIG=$work/pgkeep.conf
mkdir "$work/nas"
run "$pgkeep" backup nightly
is "a backup" "$status" 0
id=$out
before=$(left_in versions | xargs)
run "$pgkeep" doctor
is "configured: no failure" "$status" 0
like "configured: the catalog is whole" "$out" 'ok       integrity: whole'
like "configured: marks are the expected ones" "$out" 'ok       its mark: [0-9a-f-]{36}, as expected'
like "configured: roles" "$out" 'ok       roles and tablespaces: can be dumped'
like "configured: a policy" "$out" 'ok       retention: policy "standard": daily=7'
like "configured: a policy with nothing on" "$out" 'warning  retention: policy "nothing" has no rule that keeps'
like "configured: no policy" "$out" 'warning  retention: no policy: everything is kept'
like "configured: databases of all" "$out" 'database "shop"'
is "configured: nothing is left" "$(left_in versions | xargs)" "$before"
is "configured: nothing in the folder" "$(find "$work/nas" -name '*probe*')" ""
sed 's|retention = "nothing";|& before = [ "/nowhere/hook" ]; after_failure = [ "true" ];|' "$PGKEEP_CONFIG" >"$work/hooks.conf"
run "$pgkeep" --config "$work/hooks.conf" doctor
is "a hook that is not there: exit status" "$status" 3
like "and its name" "$out" 'failed   hooks: before: /nowhere/hook cannot be run'
like "one that is there" "$out" 'ok       hooks: 1 can be run'

mv "$work/nas" "$work/unmounted"
run "$pgkeep" doctor
is "not mounted, no folder: exit status" "$status" 9
like "not mounted, no folder: hint" "$out" '-> is its disk mounted\?'
mkdir "$work/nas"
run "$pgkeep" doctor --json
is "not mounted, empty folder: exit status" "$status" 9
like "not mounted, empty folder: hint" "$(of store nas mark advice)" 'pgkeep doctor --adopt nas'
is "not mounted, empty folder: no mark is written" "$(ls -A "$work/nas")" ""

# --- adopt
run "$pgkeep" doctor --adopt nosuch
is "adopt: unknown store" "$status" 3
run "$pgkeep" doctor --mark x
is "adopt: --mark alone" "$status" 2
run "$pgkeep" doctor --adopt nas
is "adopt: without --yes nothing is written" "$status:$(ls -A "$work/nas")" "0:"
like "adopt: and says so" "$out" 'nothing is changed without --yes'
run "$pgkeep" doctor --adopt nas --yes
is "adopt: an empty folder" "$status" 0
like "adopt: says what is expected there" "$out" "expects 1 backup in it .*the newest $id"
like "adopt: a new mark" "$out" 'adopted: its mark is [0-9a-f-]{36}'
like "adopt: and how to restore by hand" "$(ls "$work/nas")" 'RECOVERY.md'
run "$pgkeep" doctor --adopt nas --yes
like "adopt: twice is nothing" "$status:$out" '^0:.*nothing to do'
run "$pgkeep" backup nightly
is "adopt: backups go on" "$status" 0
run "$pgkeep" verify --all --level quick --store nas
is "adopt: what is gone is found" "$status" 6

mv "$work/nas" "$work/second" && mv "$work/unmounted" "$work/nas"
first=$(jq -r .uuid "$work/nas/pgkeep-store.json")
run "$pgkeep" doctor --adopt nas
is "adopt: another's mark is refused" "$status" 9
like "adopt: and named" "$err" "--adopt nas --mark $first"
run "$pgkeep" doctor --adopt nas --mark 00000000-0000-4000-8000-000000000000 --yes
is "adopt: the wrong name is refused" "$status" 9
run "$pgkeep" --json doctor --adopt nas --mark "$first" --yes
is "adopt: the right one is taken" "$status:$(jq -r .mark <<<"$out")" "0:$first"
is "adopt: and stays in the store" "$(jq -r .uuid "$work/nas/pgkeep-store.json")" "$first"
cp -r "$work/nas/." "$work/copied" 2>/dev/null || { mkdir "$work/copied" && cp -r "$work/nas/." "$work/copied"; }
sed -i "s|stores:  {|stores:  { twin: { type = \"dir\"; path = \"$work/twin\"; };|" "$work/pgkeep.conf"
mkdir "$work/twin"
sed -i "s|stores = \[ \"nas\", \"rgw\" \]|stores = [ \"nas\", \"rgw\", \"twin\" ]|" "$work/pgkeep.conf"
run "$pgkeep" backup nightly
is "a third store" "$status" 0
rm -r "$work/twin" && cp -r "$work/copied" "$work/twin"
run "$pgkeep" doctor --adopt twin --mark "$first" --yes
is "adopt: one place under two names is refused" "$status" 9

# --- a clock that went back, a damaged catalog
sqlite3 "$PGKEEP_CATALOG" "UPDATE settings SET value = '4102444800' WHERE key = 'catalog.highest_time'"
run "$pgkeep" doctor --json
is "clock: exit status" "$status" 9
is "clock: named" "$(of catalog "" clock verdict)" failed
head -c 40960 /dev/urandom | dd of="$PGKEEP_CATALOG" bs=4096 seek=2 conv=notrunc status=none
run "$pgkeep" doctor
is "a damaged catalog: exit status" "$status" 6
like "a damaged catalog: the rest is looked at" "$out" 'ok       server'
echo "no catalog" >"$work/broken.db"
PGKEEP_CATALOG=$work/broken.db run "$pgkeep" doctor
ok "a broken catalog: not well" isnt_zero
like "a broken catalog: the rest is looked at" "$out" 'ok       server'

# --- other services, each against its own row
other() { # other SERVICE TITLE
    local service=$1 answers result bucket
    answers=$("$top/tests/support/$service" start "$work/$service" 2>"$work/start-error")
    result=$?
    if [ "$result" = 77 ] || [ "$result" = 127 ]; then
        skip "$service" "$(head -n 1 "$work/start-error")"
        return
    fi
    [ "$result" = 0 ] || { diag "$(cat "$work/start-error")" && exit 1; }
    at_exit+=("'$top/tests/support/$service' stop '$work/$service'")
    s3_endpoint=$(sed -n 's/^endpoint //p' <<<"$answers")
    s3_region=$(sed -n "s/^region //p" <<<"$answers")
    AWS_ACCESS_KEY_ID=$(sed -n 's/^access_key //p' <<<"$answers")
    AWS_SECRET_ACCESS_KEY=$(sed -n 's/^secret_key //p' <<<"$answers")
    s3_bucket plain && s3_bucket versions versioned && s3_bucket keeps locked || exit 1
    s3_call PUT "keeps?object-lock=" "$keep" -H "Content-MD5: $(printf %s "$keep" | openssl md5 -binary | base64)" || exit 1
    for bucket in plain versions keeps; do
        run "$pgkeep" doctor --json --store "s3://$bucket/p?endpoint=$s3_endpoint&region=${s3_region:-us-east-1}&provider=$service"
        is "$service, $bucket: no failure, no warning" "$status $(jq '[.failed, .warnings] | add' <<<"$out")" "0 0"
        is "$service, $bucket: nothing is left" "$(left_in $bucket | xargs)" "0 0"
        [ "$bucket" = keeps ] || is "$service, $bucket: conditions" \
            "$(of store "s3://$bucket/p" complete-if-none-match found)" "honoured (412)"
    done
    # Both say which they are; no provider is named.
    run "$pgkeep" doctor --json --store "s3://plain/p?endpoint=$s3_endpoint&region=${s3_region:-us-east-1}"
    is "$service is recognised by its answers" \
        "$status $(jq '[.failed, .warnings] | add' <<<"$out") $(of store "s3://plain/p" provider found)" "0 0 $service ($2) fits"
    unset s3_endpoint s3_region
}
export PGKEEP_CATALOG=$work/other.db
unset PGKEEP_CONFIG
other minio MinIO
other versitygw "Versity S3 Gateway"
finished
