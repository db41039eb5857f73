# SPDX-License-Identifier: ISC
# Godwit.  make, make run, make check, make install: see README.
#
# VARIANT=test   crash points and movable clocks (what make check runs)
# VARIANT=san    test, with address and undefined-behaviour sanitizers
# VARIANT=fuzz   clang, libFuzzer
#
# Each directory lists its programs and libraries in a sources.mk:
#	LIBS += name		name_SRCS, name_EXT (linker flags of others' libraries)
#	PROGRAMS += name	name_SRCS, name_USES (our libraries), name_EXT
#	UNITS += name		the same, a cmocka test program
#	FUZZERS += name		the same, one fuzz target
#	TESTPROGS += name	the same, a helper of system tests

# Whatever rule a sources.mk brings first.
.DEFAULT_GOAL = all
VARIANT ?= plain
B := $(if $(filter plain,$(VARIANT)),build,build/$(VARIANT))

# What needs no configuration.
UNCONFIGURED = deps maybe-deps run check check-san check-long bench clean distclean
ifneq ($(filter-out $(UNCONFIGURED),$(or $(MAKECMDGOALS),all)),)
include config.mk
endif
include $(sort $(wildcard lib/*/sources.mk))
include $(sort $(wildcard */sources.mk))
include $(sort $(wildcard tests/*/sources.mk tests/unit/*/sources.mk))

# Upper layers first: the order in which static libraries are linked.
LIBORDER = daemon conf report ipc seal sasl smtp imap cmtp crypto db dns mail io sys base

WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wswitch-enum -Wvla -Werror
STD = -std=c11 -D_GNU_SOURCE -I. $(EXT_CFLAGS)
HARDEN = -fstack-protector-strong -fPIE -ffile-prefix-map=$(CURDIR)=.
DEFS = -DGODWIT_VERSION='"$(VERSION)"'
LDHARDEN = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread

ifeq ($(VARIANT),plain)
DEFS += -D_FORTIFY_SOURCE=2
LTO = $(LTO_CFLAGS)
else
DEFS += -DGODWIT_TEST
endif
ifeq ($(VARIANT),san)
SAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
DEFS += -DGODWIT_SAN
endif
ifeq ($(VARIANT),fuzz)
CC := clang
SAN = -fsanitize=address,undefined,fuzzer-no-link -fno-omit-frame-pointer
endif

PATHS = -DGODWIT_LIBEXECDIR='"$(libexecdir)/godwit"' \
	-DGODWIT_SYSCONFDIR='"$(sysconfdir)/godwit"' \
	-DGODWIT_LOCALSTATEDIR='"$(localstatedir)"' \
	-DGODWIT_RUNSTATEDIR='"$(runstatedir)/godwit"'

# The link compiles, too, when objects are for optimisation across files.
LINK = $(CC) $(LTO) $(CFLAGS) $(WARN) $(HARDEN) $(SAN) $(LDFLAGS) $(LDHARDEN)
COMPILE = $(CC) $(STD) $(CPPFLAGS) $(DEFS) $(PATHS) $(LTO) $(CFLAGS) $(WARN) $(HARDEN) $(SAN) -MMD -MP

all: $(addprefix $(B)/bin/,$(PROGRAMS))
units: $(addprefix $(B)/unit/,$(UNITS))
fuzzers: $(addprefix $(B)/fuzz/,$(FUZZERS))
testprogs: $(addprefix $(B)/testbin/,$(TESTPROGS))

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))
uses = $(foreach l,$(LIBORDER),$(if $(filter $(l),$($(1)_USES)),$(B)/lib/lib$(l).a))
exts = $($(1)_EXT) $(foreach l,$(LIBORDER),$(if $(filter $(l),$($(1)_USES)),$($(l)_EXT)))

define LIB_RULE
$(B)/lib/lib$(1).a: $(call objs,$($(1)_SRCS))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(AR) rcsD $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call LIB_RULE,$(l))))

# $(1) program, $(2) directory, $(3) more linker flags, $(4) more sources
define LINK_RULE
$(B)/$(2)/$(1): $(call objs,$($(1)_SRCS) $(4)) $(call uses,$(1))
	@mkdir -p $$(@D)
	$$(LINK) -o $$@ $(call objs,$($(1)_SRCS) $(4)) \
		$(call uses,$(1)) $(call exts,$(1)) $(3)
endef
FUZZ_LD = $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer)
FUZZ_MAIN = $(if $(filter fuzz,$(VARIANT)),,tests/fuzz/replay.c)
$(foreach p,$(PROGRAMS),$(eval $(call LINK_RULE,$(p),bin,,)))
$(foreach p,$(UNITS),$(eval $(call LINK_RULE,$(p),unit,$(CMOCKA_LIBS),)))
$(foreach p,$(FUZZERS),$(eval $(call LINK_RULE,$(p),fuzz,$(FUZZ_LD),$(FUZZ_MAIN))))
$(foreach p,$(TESTPROGS),$(eval $(call LINK_RULE,$(p),testbin,,)))

$(B)/obj/%.o: %.c config.mk Makefile
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

config.mk: configure config.mk.in
	./configure $(CONFIGURE_FLAGS)
	@touch $@
configure: configure.ac
	autoconf && autoheader

# ---- packages (Debian and Ubuntu names) ----

BUILD_PACKAGES = gcc make autoconf pkg-config libuv1-dev libssl-dev libsodium-dev liblmdb-dev \
	libconfuse-dev libseccomp-dev libzstd-dev liblz4-dev zlib1g-dev libldns-dev libidn2-dev libunistring-dev
CHECK_PACKAGES = libcmocka-dev python3 python3-pytest clang mandoc
RUN_PACKAGES = curl
PEER_PACKAGES = nsd unbound ldnsutils swaks libnet-ssleay-perl neomutt isync offlineimap3 \
	fetchmail getmail6 tmux iproute2 strace openssl gdb tshark
MISSING = $(shell for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | \
	grep -q 'ok installed' || echo $$p; done)

deps:
	@missing="$(call MISSING,$(BUILD_PACKAGES) $(CHECK_PACKAGES) $(RUN_PACKAGES) $(PEER_PACKAGES))"; \
	if [ -n "$$missing" ]; then \
		apt-get -q update && \
		DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing; \
	fi

# make run and make check bring what is missing only as root outside of a
# package build; else configure and the test runner name it.
MAY_INSTALL = $(shell [ "$$(id -u)" = 0 ] && [ -z "$$FAKEROOTKEY" ] && [ -z "$(NO_DEPS)" ] && \
	[ -z "$$DEB_BUILD_ARCH" ] && command -v apt-get >/dev/null && echo yes)
maybe-deps:
	$(if $(MAY_INSTALL),@$(MAKE) --no-print-directory -s deps)

# ---- run and check ----

run: maybe-deps
	@$(MAKE) --no-print-directory -s all
	@exec sh dist/run.sh

TIER ?= all
check: maybe-deps
	@$(MAKE) --no-print-directory -s VARIANT=test all units fuzzers testprogs
	@tests/run --variant test --tier $(TIER) $(TESTS)
check-san: maybe-deps
	@$(MAKE) --no-print-directory -s VARIANT=san all units fuzzers testprogs
	@tests/run --variant san --tier $(TIER) $(TESTS)
check-long: maybe-deps
	@$(MAKE) --no-print-directory -s VARIANT=test all testprogs \
		$(addprefix build/test/unit/,$(LONG_UNITS))
	@tests/run --variant test --tier long $(TESTS)
bench: maybe-deps
	@$(MAKE) --no-print-directory -s all
	@sh tests/bench/bench.sh $(BENCH)

# make fuzz FUZZ=fuzz_mime SECONDS=60
FUZZ ?= $(FUZZERS)
SECONDS ?= 60
fuzz:
	@$(MAKE) --no-print-directory -s VARIANT=fuzz fuzzers
	@for f in $(FUZZ); do mkdir -p build/fuzz/corpus/$$f tests/fuzz/corpus/$$f; \
	echo "$$f: $(SECONDS) s"; \
	build/fuzz/fuzz/$$f -max_total_time=$(SECONDS) -print_final_stats=1 -verbosity=0 \
	$$(test -f tests/fuzz/$$f.dict && echo -dict=tests/fuzz/$$f.dict) \
	build/fuzz/corpus/$$f tests/fuzz/corpus/$$f || exit 1; done

# Each header stands alone.
headers:
	@for h in $$(git ls-files 'lib/*.h' '*/*.h' | sort -u); do \
	echo "#include \"$$h\"" | $(CC) $(STD) $(DEFS) $(WARN) -x c -fsyntax-only - || exit 1; done

print-%:
	@echo $($*)

# ---- install ----

DAEMONS = keyd smtpd queue deliver relay store imapd cmtpd transfer
TOOLS = $(filter-out $(DAEMONS),$(PROGRAMS))
unitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
INSTALL = install

install: all
	$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(libexecdir)/godwit $(DESTDIR)$(unitdir) \
		$(DESTDIR)$(sysusersdir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5 $(DESTDIR)$(mandir)/man7 $(DESTDIR)$(mandir)/man8
	for p in $(TOOLS); do $(INSTALL) -m 755 $(B)/bin/$$p $(DESTDIR)$(sbindir)/ || exit 1; done
	$(INSTALL) -d $(DESTDIR)$(bindir)
	for l in mailq newaliases; do ln -sf $(sbindir)/sendmail $(DESTDIR)$(bindir)/$$l && \
		echo '.so man1/sendmail.1' >$(DESTDIR)$(mandir)/man1/$$l.1 || exit 1; done
	ln -sf $(sbindir)/gwcmtp $(DESTDIR)$(bindir)/shorebird
	echo '.so man1/gwcmtp.1' >$(DESTDIR)$(mandir)/man1/shorebird.1
	for p in $(DAEMONS); do $(INSTALL) -m 755 $(B)/bin/$$p $(DESTDIR)$(libexecdir)/godwit/ || exit 1; done
	for m in man/*.[1578]; do $(INSTALL) -m 644 $$m $(DESTDIR)$(mandir)/man$${m##*.}/ || exit 1; done
	sed -e 's|@sbindir@|$(sbindir)|g' -e 's|@sysconfdir@|$(sysconfdir)|g' dist/godwit.service.in \
		>$(DESTDIR)$(unitdir)/godwit.service
	$(INSTALL) -m 644 dist/godwit.sysusers $(DESTDIR)$(sysusersdir)/godwit.conf

clean:
	rm -rf build
distclean: clean
	rm -rf config.mk config.h config.h.in config.log config.status configure autom4te.cache

.PHONY: all units fuzzers testprogs deps maybe-deps run check check-san check-long bench fuzz headers \
	install clean distclean
.DELETE_ON_ERROR:
