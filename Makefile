# pgkeep - one non-recursive Makefile; `make help` lists the targets.
# Variables: BUILD=folder  SANITIZE=address,undefined|thread  WERROR=1  PREFIX DESTDIR SYSCONFDIR

VERSION    := 0.1.0
BUILD      ?= build
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
CC         ?= cc
PKG        := libcurl libxml-2.0 libpq sqlite3 libdeflate libssl libcrypto libconfig libisal libzstd jansson libmicrohttpd libcrypt
TEST_PKG   := check

# Layers are folders, lowest first, and what each may see (scripts/check-layers reads these lines too).
# `s3` is the library's public face: headers only, implemented by the folders below it.
LAYERS         := base base/zone schedule s3/http s3/auth s3/core s3/ops s3/probe retention \
                  stream/scan stream/codec stream postgres/profile postgres postgres/copy postgres/restore postgres/scratch config/events config store catalog/db catalog \
                  repository session copy backup/restore backup drill prune repair doctor report notify api serve cmd cmd/backups cmd/upkeep cmd/jobs
S3             := s3 s3/http s3/auth s3/core s3/ops s3/probe
SEES_base      :=
SEES_s3        := base
SEES_s3/http   := base s3
SEES_s3/auth   := base s3 s3/http
SEES_s3/core   := base s3 s3/http s3/auth
SEES_s3/ops    := base s3 s3/http s3/auth s3/core
SEES_s3/probe  := base s3 s3/http s3/auth s3/core s3/ops
SEES_base/zone := base
SEES_schedule  := base base/zone
SEES_retention := base base/zone
# Whose callers see `stream` need its rooms to link; only codecs are named elsewhere.
STREAM         := stream stream/scan stream/codec
SEES_stream/scan  := base
SEES_stream/codec := base
SEES_stream    := base stream/scan stream/codec
# Whose callers see `postgres` see the kinds of databases, too.
POSTGRES       := postgres/profile postgres
SEES_postgres/profile := base
SEES_postgres  := base stream postgres/profile
SEES_postgres/copy := base stream $(POSTGRES)
SEES_postgres/restore := base stream $(POSTGRES)
SEES_postgres/scratch := base stream $(POSTGRES)
SEES_config/events := base
SEES_config    := config/events base base/zone schedule stream/codec stream $(POSTGRES)
SEES_store     := base s3
SEES_catalog/db := base
SEES_catalog   := base catalog/db
SEES_repository := base s3 stream/codec stream config $(POSTGRES) store catalog/db catalog
SEES_session   := $(SEES_repository) repository
SEES_copy      := $(SEES_session) session stream/scan
SEES_backup/restore := $(SEES_copy) retention copy postgres/restore
SEES_backup    := $(SEES_backup/restore) backup/restore postgres/copy
SEES_drill     := $(SEES_backup) backup postgres/scratch
SEES_prune     := $(SEES_copy) retention copy
SEES_repair    := $(SEES_drill) drill
SEES_doctor    := $(SEES_drill) drill prune repair schedule
SEES_report    := $(SEES_doctor) doctor
SEES_notify    := $(SEES_report) config/events report
SEES_api       := $(SEES_report) report
SEES_serve     := $(SEES_notify) notify
SEES_cmd       := $(SEES_notify) notify
SEES_cmd/backups := $(SEES_cmd) cmd
SEES_cmd/upkeep := $(SEES_cmd) cmd
SEES_cmd/jobs  := $(SEES_cmd) api serve cmd
folder = $(if $(filter s3% retention,$1),$1,src/$1)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
        -Wmissing-prototypes -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings -Wvla -Wswitch-enum \
        -Wimplicit-fallthrough
ifeq ($(WERROR),1)
WARN += -Werror
endif
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE
ifeq ($(shell uname -m),x86_64)
HARDEN += -fcf-protection
endif
OPTIMIZE := -O2 -g
ifdef SANITIZE
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -DPGKEEP_POISON
else
HARDEN += -D_FORTIFY_SOURCE=3
endif
ifdef COVERAGE
OPTIMIZE := -O0 -g --coverage
endif
# Each by itself: the program builds where the tests' library is absent.
PKG_CFLAGS := $(shell pkg-config --cflags $(PKG) 2>/dev/null | sed 's/-I/-isystem /g')
PKG_CFLAGS += $(shell pkg-config --cflags $(TEST_PKG) 2>/dev/null | sed 's/-I/-isystem /g')
PKG_LIBS   := $(shell pkg-config --libs $(PKG) 2>/dev/null) -lbz2 -pthread
TEST_LIBS  := $(shell pkg-config --libs $(TEST_PKG) 2>/dev/null)
PKG_LACKS  := $(strip $(foreach p,$(PKG),$(if $(shell pkg-config --exists $(p) 2>/dev/null && echo yes),,$(p))))
CFLAGS_ALL := -std=c11 -D_POSIX_C_SOURCE=200809L -DPGKEEP_VERSION='"$(VERSION)"' \
              -DPGKEEP_SYSCONFDIR='"$(SYSCONFDIR)"' -Isrc -I. $(OPTIMIZE) $(HARDEN) $(WARN) $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now,-z,noexecstack $(OPTIMIZE) $(LDFLAGS)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(call folder,$1)/*.c))
archive = $(BUILD)/lib$(subst /,-,$1).a
archives = $(foreach l,$1,$(call archive,$l))
group    = -Wl,--start-group $1 -Wl,--end-group

PROGRAM   := $(BUILD)/pgkeep
UNIT      := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
TOOLS     := $(patsubst tests/support/bin_%.c,$(BUILD)/tests/%,$(wildcard tests/support/bin_*.c))
BENCHES   := $(patsubst tests/bench/%.c,$(BUILD)/tests/%,$(wildcard tests/bench/*.c))
FUZZERS   := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
SUPPORT   := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(wildcard tests/support/bin_*.c),$(wildcard tests/support/*.c)))

.DEFAULT_GOAL := all
.SECONDARY:
.SUFFIXES:

## all: the program
all: $(PROGRAM)

ifneq ($(PKG_LACKS),)
ifeq ($(filter help clean dist uninstall,$(MAKECMDGOALS)),)
$(error libraries are missing: $(PKG_LACKS) - scripts/install-deps build installs them)
endif
endif

$(PROGRAM): $(BUILD)/obj/src/main.o $(BUILD)/obj/src/cli.o $(call archives,$(LAYERS))
	$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(call group,$(filter %.a,$^)) $(PKG_LIBS)

define layer_rule
$(call archive,$1): $(call objects,$1)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$l)))

# The dashboard's files become a C array; the list of them is part of what is looked at.
PAGES := $(shell find src/api/pages -type f 2>/dev/null)
$(BUILD)/gen/pages.c: scripts/embed-pages $(PAGES) $(wildcard src/api/pages src/api/pages/*)
	@mkdir -p $(@D)
	@scripts/embed-pages src/api/pages >$@.new && mv $@.new $@
$(BUILD)/obj/gen/pages.o: $(BUILD)/gen/pages.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<
$(call archive,api): $(BUILD)/obj/gen/pages.o

$(BUILD)/libsupport.a: $(SUPPORT)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# A unit test lies in the folder of its module, tests/unit/LAYER/test_MODULE.c, and links that layer and what
# it may see (of a nested layer like catalog/db the whole of catalog, whose rigs it needs); the public face s3
# stands for all of its folders. These calls of the product go by way of
# tests/support/store_seam.h and fake_libpq.h, which pass them on unless a test says otherwise.
SEAMS := store_open_dir store_open_s3 \
         $(addprefix PQ,connectStartParams connectPoll socket hostaddr finish status errorMessage db host port user serverVersion backendPID \
         parameterStatus setClientEncoding setNoticeProcessor conninfo escapeIdentifier escapeLiteral exec execParams \
         sendQuery sendQueryParams isBusy consumeInput getResult getCopyData cmdTuples)
real        = $(filter-out s3,$1 $(if $(filter s3,$1),$(S3)) $(if $(filter stream,$1),$(STREAM)))
outer       = $(filter $(firstword $(subst /, ,$1)),$(LAYERS))
# Tests of operations link all layers: their rig (tests/support/world.h) takes real backups.
RIGGED      = $(filter-out base base/% schedule s3% retention stream% config postgres% store catalog%,$(LAYERS))
test_layers = $(if $(filter $1,$(RIGGED)),$(LAYERS),$(sort $(call real,base s3 $(call outer,$1) $(if $(filter $1,$(LAYERS)),$1 $(SEES_$1),$(if $(filter retention,$1),retention)))))
define test_rule
$(BUILD)/$1: $(BUILD)/obj/$1.o $3 $(BUILD)/libsupport.a $(call archives,$2)
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS_ALL) $(SEAMS:%=-Wl,--wrap=%) -o $$@ $$(filter %.o,$$^) $$(call group,$$(filter %.a,$$^)) $(TEST_LIBS) $(PKG_LIBS)
endef
layer_of = $(patsubst tests/unit/%/,%,$(dir $1))
# Tests of commands run whole command lines.
with_cli = $(if $(filter cmd,$1),$(BUILD)/obj/src/cli.o)
$(foreach t,$(UNIT:$(BUILD)/%=%),$(eval $(call test_rule,$t,$(call test_layers,$(call layer_of,$t)),$(call with_cli,$(call layer_of,$t)))))
define tool_rule
$(BUILD)/tests/$1: $(BUILD)/obj/$2/$1.o $(BUILD)/libsupport.a $(call archives,$(LAYERS))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS_ALL) -o $$@ $$< $$(call group,$$(filter %.a,$$^)) $(TEST_LIBS) $(PKG_LIBS)
endef
$(foreach t,$(notdir $(BENCHES)),$(eval $(call tool_rule,$t,tests/bench)))
$(foreach t,$(notdir $(FUZZERS)),$(eval $(call tool_rule,$t,tests/fuzz)))
$(BUILD)/tests/%: $(BUILD)/obj/tests/support/bin_%.o $(BUILD)/libsupport.a $(call archives,$(LAYERS))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $< $(call group,$(filter %.a,$^)) $(TEST_LIBS) $(PKG_LIBS)

# Rebuild everything when the flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(subst ','\'',$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL))' | cmp -s - $@ || echo '$(subst ','\'',$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL))' > $@
FORCE:

## tests: build all test programs
tests: $(PROGRAM) $(UNIT) $(TOOLS) $(BENCHES) $(FUZZERS)

## check: what needs no server (layers, unit tests, fuzz corpus)
check: layers check-unit

## check-unit: unit tests; a summary line at the end
check-unit: tests
	@scripts/run-unit $(BUILD)/tests

## check-integration: against a real PostgreSQL and real S3 services on loopback
check-integration: tests
	@scripts/run-integration $(BUILD) integration

## check-fault: fail the n-th step, for every n
check-fault: tests
	@scripts/run-integration $(BUILD) fault

## bench: tables of measured ratios; no thresholds
bench: tests
	@tests/bench/run $(BUILD)

## fuzz: run each fuzz harness over its corpus and random mutations (FUZZ_SECONDS=10 each)
fuzz: tests
	@scripts/run-fuzz $(BUILD)

## coverage: line coverage of the unit tests, a line for each folder (scripts/coverage tells of files)
coverage:
	@rm -rf build/coverage/tests # programs of tests that have moved would count for other sources
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	$(MAKE) BUILD=build/coverage COVERAGE=1 check-unit
	@scripts/coverage build/coverage

## layers: nothing includes what its layer may not see, no circle of modules
layers: $(PROGRAM)
	@scripts/check-layers $(BUILD)

SOURCES := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
## lint: clang-tidy, shellcheck, layers
lint: layers
	@scripts/lint $(CFLAGS_ALL)

## format-check: clang-format would change nothing
format-check:
	@clang-format --dry-run -Werror $(SOURCES)

## screenshots: pictures of all pages of the dashboard, into build/screenshots
screenshots: $(PROGRAM)
	@mkdir -p $(BUILD)/screenshots
	@BUILD=$(BUILD) BROWSER_DAYS=40 BROWSER_PICTURES=$(abspath $(BUILD)/screenshots) bash tests/integration/87-browser.sh

UNITS := pgkeep.service pgkeep-due.service pgkeep-due.timer
## install: program, manual page, example configuration, units of systemd
install: $(PROGRAM)
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/pgkeep
	install -D -m 644 conf/pgkeep.1 $(DESTDIR)$(PREFIX)/share/man/man1/pgkeep.1
	install -D -m 644 conf/pgkeep.conf.example $(DESTDIR)$(PREFIX)/share/doc/pgkeep/pgkeep.conf.example
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/pgkeep/examples conf/examples/*
	install -D -m 644 conf/systemd/pgkeep.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/pgkeep.conf
	install -D -m 644 conf/systemd/pgkeep.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/pgkeep.conf
	install -d -m 755 $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in $(UNITS); do sed 's#@PREFIX@#$(PREFIX)#; s#@SYSCONFDIR@#$(SYSCONFDIR)#' conf/systemd/$$unit \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit && chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit 1; done
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/pgkeep

## uninstall: removes what install put there
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/pgkeep $(DESTDIR)$(PREFIX)/share/man/man1/pgkeep.1
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/pgkeep
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/systemd/system/,$(UNITS))
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/pgkeep.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/pgkeep.conf
	-rmdir $(DESTDIR)$(SYSCONFDIR)/pgkeep 2>/dev/null

## dist: a source archive of HEAD
dist:
	@mkdir -p $(BUILD)
	git archive --prefix=pgkeep-$(VERSION)/ -o $(BUILD)/pgkeep-$(VERSION).tar.gz HEAD

## clean: removes build/
clean:
	rm -rf build

# For scripts/check-layers: a line for each layer and what it sees.
print-layers:
	@$(foreach l,s3 $(LAYERS),echo '$l $(SEES_$l)';)

## help: this list
help:
	@sed -n 's/^## //p' Makefile

.PHONY: all tests screenshots check check-unit check-integration check-fault bench fuzz coverage layers lint format-check install uninstall dist clean help FORCE
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
