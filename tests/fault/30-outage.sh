#!/usr/bin/env bash
# The service goes away in the middle of a backup and comes back: it completes. Really (Ceph's gateway is killed for
# 20 s), and with the budget scaled down; half an hour on a simulated clock is in tests/unit/test_s3_outage.c. One in
# ten requests fails by chance: that costs time, never a backup.
# shellcheck source=tests/fault/fault.sh
. "$(dirname "$0")/fault.sh"

pg_up main
createdb small
createdb large
psql -qX -v ON_ERROR_STOP=1 -d small -o /dev/null -c "CREATE TABLE t AS SELECT generate_series(1, 100) AS n"
psql -qX -v ON_ERROR_STOP=1 -d large -o /dev/null -c "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 30) AS words
    FROM generate_series(1, 52000) n"
folder=$work/backups
export PGKEEP_CONFIG=$work/pgkeep.conf
config() { # config ENDPOINT BUCKET OPTIONS
    cat >"$PGKEEP_CONFIG" <<END
catalog = "$work/catalog.db";
sources: { large: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=large"; };
           small: { conninfo = "host=$PGHOST port=$PGPORT user=postgres dbname=small"; }; };
stores: { nas: { type = "dir"; path = "$folder"; };
          cloud: { type = "s3"; endpoint = "$1"; bucket = "$2"; prefix = "p/"; path_style = true; $3 }; };
jobs: { large: { source = "large"; stores = [ "nas", "cloud" ]; compress = "none"; min_copies = 2; };
        small: { source = "small"; stores = [ "cloud" ]; }; };
END
}

# with_outage NAME BEGUN STOP START SECONDS: BEGUN says whether an upload is open.
with_outage() {
    local tries pid
    timeout --signal=KILL 120 "$pgkeep" backup large --limit-rate 12MiB >"$work/out" 2>"$work/err" </dev/null &
    pid=$!
    for ((tries = 0; tries < 400; tries++)); do
        $2 && break
        sleep 0.05
    done
    $3 >/dev/null
    ok "$1: it is under way" kill -0 "$pid"
    sleep "$5" # this is the outage
    $4 >/dev/null
    wait "$pid"
    is "$1: exit status" $? 0
    like "$1: the log tells" "$(cat "$work/err")" "trying on.*works again after"
    is "$1: whole in both stores" "$(states 0)" "complete complete complete"
    run "$pgkeep" verify latest
    is "$1: verify" "$status" 0
}

rgw_up
s3_bucket backups
config "$rgw_endpoint" backups ""
rgw_begun() { s3_call GET 'backups?uploads=' | grep -q '<Upload>'; }
with_outage "Ceph's gateway is away for 20 s" rgw_begun "rgw_gateway stop" "rgw_gateway start" 20
is "Ceph's gateway is away for 20 s: no upload is left" "$(s3_call GET 'backups?uploads=' | grep -c '<Upload>')" 0
rgw_down

rm -rf "$work/catalog.db"* "$folder"
fake_up sparse=no
config "$fake_endpoint" bucket 'retry_time = "6s";'
fake_begun() { [ "$(fake uploads)" = 1 ]; }
with_outage "away for nearly all of the budget" fake_begun "fake down" "fake up" 5
is "away for nearly all of the budget: no upload is left" "$(fake uploads)" 0

# --- one in ten fails
seed=${test_seed:-$RANDOM}
diag "PGKEEP_SEED=$seed"
config "$fake_endpoint" bucket ""
fake set failure_percent=10 "failure_seed=$seed" >/dev/null
for ((n = 1; n <= 20; n++)); do
    job=small
    [ $((n % 4)) != 0 ] || job=large
    within 120 "$pgkeep" backup "$job"
    [ "$status" = 0 ] || trouble "backup $n ($job) ended with $status: $err"
done
is "one in ten requests fails: backups" "$(artifact "" '.status' | sort | uniq -c | xargs)" "21 complete"
is "one in ten requests fails: copies" "$(artifact "" '.copies[].state' | sort | uniq -c | xargs)" "27 complete"
fake set failure_percent=0 >/dev/null
within 120 "$pgkeep" verify --all
is "one in ten requests fails: all of them verify" "$status" 0
is "one in ten requests fails: no upload is left" "$(fake uploads)" 0
no_trouble "one in ten requests fails: every run ended well"
finished_well none
