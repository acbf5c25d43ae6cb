#!/usr/bin/env bash
# The S3 client against a real service: streams arrive whole, also when the service is away for a while, on buckets
# with and without versions; what is interrupted leaves nothing behind, what is killed can be found and removed.
# shellcheck source-path=SCRIPTDIR source=lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"

s3() { "$build/tests/s3" "$@"; }
sum() { sha256sum | cut -d' ' -f1; }
# Incompressible, the same for everybody, and quick to make.
stream() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -nosalt -pass pass:stream -pbkdf2 -iter 1 2>/dev/null; }
size=73400321 # five parts, the last of one byte more than 6 MiB
want=$(stream "$size" | sum)

rgw_up
s3_bucket plain || exit 1
s3_bucket versions versioned || exit 1
export S3_ENDPOINT=$rgw_endpoint S3_RETRY_MS=60000 S3_PROVIDER=ceph

for S3_BUCKET in plain versions; do
    export S3_BUCKET
    run s3 put none
    is "$S3_BUCKET: an empty stream is an empty object" "$status $(s3 get none | wc -c)" "0 0"
    echo small | s3 put "a b/ü+&.gz" >/dev/null 2>&1
    is "$S3_BUCKET: a small stream, a key full of surprises" "$(s3 get "a b/ü+&.gz")" small
    stream "$size" | s3 put big >"$work/put" 2>/dev/null
    like "$S3_BUCKET: a large stream goes out in parts" "$(cat "$work/put")" "^$size "'[0-9]+ ".*-5" big$'
    is "$S3_BUCKET: and comes back whole" "$(s3 get big | sum)" "$want"
    is "$S3_BUCKET: from the middle, over several ranges" "$(S3_RANGE=100000 s3 get big 16777000 1000000 | sum)" \
        "$(stream "$size" | tail -c +16777001 | head -c 1000000 | sum)"
    is "$S3_BUCKET: by a link without keys" "$(curl -fsS "$(s3 presign big 60)" | sum)" "$want"
    is "$S3_BUCKET: nothing is pending" "$(s3 uploads "")" ""
done
run s3 get absent
like "an absent key is exit 1" "$status $err" "^1 .*does not exist"

begin() { # begin KEY: an upload that has parts on the service and waits for more on 8; sets $uploader, $upload_id
    mkfifo "$work/$1"
    "$build/tests/s3" put "$1" <"$work/$1" >/dev/null 2>"$work/$1.err" 8>&- &
    uploader=$!
    exec 8>"$work/$1"
    stream "$size" | head -c 50000000 >&8
    until upload_id=$(s3 uploads "$1" | cut -d' ' -f1) && [ -n "$upload_id" ] &&
        [ "$(s3 parts "$1" "$upload_id" | wc -l)" -ge 2 ]; do :; done
}

begin away
rgw_gateway stop
stream "$size" | tail -c +50000001 >&8 &
exec 8>&-
rgw_gateway start >/dev/null
wait "$uploader"
is "an outage in the middle of an upload costs no byte" "$? $(s3 get away | sum)" "0 $want"
(rgw_gateway stop && rgw_gateway start) >/dev/null &
outage=$!
is "an outage in the middle of a download costs no byte" "$(s3 get away | sum)" "$want"
wait "$outage"

begin stopped
kill -TERM "$uploader"
exec 8>&-
wait "$uploader"
is "an interrupted upload ends with 143" "$?" 143
is "and leaves nothing pending" "$(s3 uploads stopped)" ""
run s3 head stopped
is "and no object" "$status" 1

begin killed
kill -KILL "$uploader"
exec 8>&-
wait "$uploader" 2>/dev/null
like "a killed upload is found by its key" "$(s3 uploads killed)" "^$upload_id [0-9]+ killed$"
ok "and can be removed" s3 abort killed "$upload_id"
ok "and removed again" s3 abort killed "$upload_id"
is "then nothing is pending" "$(s3 uploads "")" ""

run env AWS_SECRET_ACCESS_KEY=wrong "$build/tests/s3" head big
like "wrong keys are refused with exit 5" "$status $err" "^5 .*40[13]"
unlike "and are not repeated in the message" "$err" "wrong"
finished
