#!/usr/bin/env bash
# Goal: as 52, in a bucket that keeps versions and knows locks: of what goes no version and no marker is left.
# shellcheck disable=SC2034 # for crash.sh
bucket_kind=locked
# shellcheck source=tests/fault/crash.sh
. "$(dirname "$0")/crash.sh"

keep backup nightly
keep backup nightly
prepare() { three_backups; }
prepare
is "two are kept" "${#kept[@]}" 2
for call in sendto recvfrom; do
    every "$call" "deletion of versions" prune --yes
done
finished
