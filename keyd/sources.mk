# SPDX-License-Identifier: ISC
keyd_CORE = keyd/keyd_opt.c keyd/key_tbs.c keyd/key_journal.c keyd/key_record.c keyd/key_ring.c \
	keyd/key_unlock.c keyd/key_pair.c keyd/key_hash.c keyd/key_cache.c keyd/key_token.c \
	keyd/key_login.c keyd/key_open.c keyd/key_spool.c keyd/key_tls.c keyd/key_facts.c keyd/key_heard.c \
	keyd/key_gate.c keyd/key_tool.c keyd/key_alias.c keyd/key_secret.c keyd/key_quota.c keyd/key_srs.c keyd/key_url.c \
	keyd/key_scram.c keyd/key_more.c keyd/key_vault.c keyd/key_visit.c keyd/key_cmtp.c keyd/key_made.c keyd/key_owner.c keyd/key_account.c \
	keyd/key_public.c keyd/key_external.c keyd/key_prints.c keyd/key_cert.c keyd/key_book.c keyd/key_chain.c keyd/key_host.c \
	keyd/key_cmtp2.c keyd/key_pin.c keyd/key_box.c keyd/key_epoch.c keyd/key_rekey.c \
	keyd/key_enter.c keyd/key_enrol.c keyd/key_xzibit.c
PROGRAMS += keyd gwuser gwkey
keyd_SRCS = keyd/main.c $(keyd_CORE)
keyd_USES = daemon conf ipc seal cmtp crypto mail io sys base
keyd_EXT = $(UNISTRING_LIBS) $(IDN2_LIBS)
gwuser_SRCS = keyd/gwuser.c keyd/gwuser_mail.c keyd/password_pipe.c
gwuser_USES = daemon ipc sys base
gwkey_SRCS = keyd/gwkey.c keyd/password_pipe.c
gwkey_USES = daemon ipc sys base
