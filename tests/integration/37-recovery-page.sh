#!/usr/bin/env bash
# RECOVERY.md, followed as pasted by somebody who has only the store and standard tools: from a folder and from a
# bucket, with more backups on the last day than fit on a screen. The blocks are taken out of the page, not typed again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

command -v aws >/dev/null || skip_all "the AWS command line is not installed (package awscli)"
export PGKEEP_CATALOG=$work/catalog.db
pg_up main
rgw_up
s3_bucket backups
createdb shop
psql -qX -d shop -c "CREATE TABLE t AS SELECT n, 'row ' || n AS text FROM generate_series(1, 1000) n"
source="host=$PGHOST port=$PGPORT user=postgres dbname=shop"
bucket="s3://backups/it's/p?endpoint=$rgw_endpoint&path_style=true&region=us-east-1"
for ((i = 0; i < 13; i++)); do
    run "$pgkeep" backup --quiet --source "$source" --store "dir:$work/it's a store" --store "$bucket"
    [ "$status" = 0 ] || diag "$err"
done
last=$out
# The whole shell code of the page: every line that is set in by four blanks, but for the choices that a person makes.
page() { grep -E '^    ' "$1" | sed -E 's/^    //'; }
# shellcheck disable=SC2016 # for the other shell
chosen() { page "$1" | sed -E "s/^ID=\.\.\. .*/ID=$last/" | awk '/^GLOBALS=/ {skip = 3} skip-- > 0 {next} {print}' |
    grep -vE '^(get "\$KEY".*\| (zstd|bunzip2|pg_restore|psql.*\.sql$)|get "\$KEY" +\|.*# \.(sql|dump.*|sql\.zst|sql\.bz2)$|newest 30|zcat|aws .*FILE)'; }

try() { # try NAME PAGE
    local name=$1
    mkdir "$work/$name"
    chosen "$2" | sed "s/^NEWDB=.*/NEWDB=$name/" >"$work/$name.sh"
    (cd "$work/$name" && LANG=C bash "$work/$name.sh") >"$work/$name.out" 2>"$work/$name.err"
    is "$name: the page's lines, pasted, end well" "$?" 0
    is "$name: newest shows all of the last day" "$(grep -c "adhoc.shop.full.plain" "$work/$name.out")" 13
    is "$name: the newest last" "$(grep "adhoc.shop.full" "$work/$name.out" | tail -n 1 | cut -f 1)" "$last"
    is "$name: both lines of the check are the same" "$(grep -xE '[0-9a-f]{64}' "$work/$name.out" | uniq -c | awk '{print $1}')" 2
    is "$name: and the rows are back" "$(psql -AtX -d "$name" -c 'SELECT count(*), sum(n) FROM t')" "1000|500500"
    diag "$(tail -n 3 "$work/$name.err")"
}
export AWS_DEFAULT_REGION=us-east-1
try folder "$work/it's a store/RECOVERY.md"
s3_call GET "backups/it%27s/p/RECOVERY.md" >"$work/page.md"
try bucket "$work/page.md"
# A second's start of the AWS tools for each manifest would be felt: one listing twice, one copy.
is "a bucket: three calls of aws show them all" "$(cd "$work/bucket" && grep -c '^s3' <(
    page "$work/page.md" | sed -n '1,/^}/p' >"$work/functions.sh"
    sed -i 's/^s3() { aws/s3() { echo s3 >\&2; aws/' "$work/functions.sh"
    LANG=C bash -c ". '$work/functions.sh'; newest" 2>&1 >/dev/null
))" 3
finished
