#!/usr/bin/env bash
# Goal: kill -9 at steps of a deletion (PGKEEP_LONG=1: at every one), once and twice, in a folder and a bucket; then one sweep, and neither a
# ghost row nor an orphan object is left, and what was kept is whole.
# shellcheck source=tests/fault/crash.sh
. "$(dirname "$0")/crash.sh"

keep backup nightly
keep backup nightly
prepare() { three_backups; }
prepare
is "two are kept" "${#kept[@]}" 2
for call in "${calls[@]}"; do
    every "$call" deletion prune --yes
done
finished
