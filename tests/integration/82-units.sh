#!/usr/bin/env bash
# Goal: what `make install` brings for systemd is complete, right by systemd's own tools, and as closed as it can be;
# `make uninstall` takes it away again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
root=$work/root
ok "it is installed" make -s -C "$top" -o "$build/pgkeep" BUILD="$build" DESTDIR="$root" PREFIX=/usr install
units=$root/usr/lib/systemd/system
is "with its paths" "$(grep -h '^ExecStart=' "$units"/*.service)" \
    "ExecStart=/usr/bin/pgkeep --log-format=journal run --due
ExecStart=/usr/bin/pgkeep --log-format=journal serve"
is "and nothing left to be filled in" "$(grep -l '@[A-Z]*@' "$units"/*)" ""
if command -v systemd-analyze >/dev/null; then
    # It looks for programs and manual pages on this machine, where nothing is installed.
    is "systemd understands all of it" "$(systemd-analyze verify --man=no --root="$root" "$units"/pgkeep.service "$units"/pgkeep-due.timer 2>&1 |
        grep -E 'pgkeep[^ ]*:[0-9]+: ' | head -5)" ""
    level=$(systemd-analyze security --offline=true "$units/pgkeep.service" 2>&1 | sed -nE 's/.*exposure level for pgkeep.service: ([0-9.]+).*/\1/p')
    ok "the service is closed: $level of 10" awk -v level="$level" 'BEGIN { exit !(level != "" && level <= 2.5) }'
else
    skip "systemd understands all of it" "systemd-analyze is not installed (package systemd)"
fi
ok "it is taken away again" make -s -C "$top" -o "$build/pgkeep" BUILD="$build" DESTDIR="$root" PREFIX=/usr uninstall
is "all of it" "$(find "$root" -type f)" ""
finished
