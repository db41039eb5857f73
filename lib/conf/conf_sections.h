/* SPDX-License-Identifier: ISC */
/*
 * Sections of godwit.conf that more than one daemon reads, and the numbers of
 * their choices.  The top level is the section "godwit".
 */
#ifndef CONF_SECTIONS_H
#define CONF_SECTIONS_H

#include "lib/conf/opt.h"

#define OPT OPT_FIELD
struct godwit_options {
#include "lib/conf/godwit.opt"
};
struct tls_options {
#include "lib/conf/tls.opt"
};
struct listen_options {
#include "lib/conf/listen.opt"
};
struct domain_options {
#include "lib/conf/domain.opt"
};
struct route_options {
#include "lib/conf/route.opt"
};
struct dns_options {
#include "lib/conf/dns.opt"
};
struct smtpd_options {
#include "lib/conf/smtpd.opt"
};
#undef OPT

/* Positions in the choices of the rows. */
enum conf_auth_cleartext { CONF_AUTH_CLEARTEXT_NO, CONF_AUTH_CLEARTEXT_LOCAL,
	CONF_AUTH_CLEARTEXT_YES };
enum conf_mail_compression { CONF_MAIL_COMPRESSION_NO, CONF_MAIL_COMPRESSION_ZSTD,
	CONF_MAIL_COMPRESSION_LZ4 };
enum conf_sandbox { CONF_SANDBOX_AUTO, CONF_SANDBOX_STRICT };
enum conf_key_root { CONF_KEY_ROOT_FILE, CONF_KEY_ROOT_CREDENTIAL };
enum conf_service { CONF_SERVICE_SMTP, CONF_SERVICE_SUBMISSION, CONF_SERVICE_IMAP,
	CONF_SERVICE_CMTP };
enum conf_tls { CONF_TLS_NO, CONF_TLS_MAY, CONF_TLS_REQUIRED, CONF_TLS_IMPLICIT };
enum conf_client_certificate { CONF_CLIENT_CERTIFICATE_NO, CONF_CLIENT_CERTIFICATE_YES,
	CONF_CLIENT_CERTIFICATE_ANY };
enum conf_cmtp { CONF_CMTP_AUTO, CONF_CMTP_YES, CONF_CMTP_NO };
enum conf_class { CONF_CLASS_MAILBOX, CONF_CLASS_RELAY, CONF_CLASS_ALIAS };
/* One less than enum sealing of key_proto.h. */
enum conf_sealing { CONF_SEALING_ESCROW, CONF_SEALING_PASSWORD, CONF_SEALING_CLIENT,
	CONF_SEALING_SERVER };
enum conf_route_protocol { CONF_ROUTE_SMTP, CONF_ROUTE_LMTP };
/* The first five are also those of relay.tls. */
enum conf_relay_tls { CONF_RELAY_TLS_NONE, CONF_RELAY_TLS_MAY, CONF_RELAY_TLS_ENCRYPT,
	CONF_RELAY_TLS_DANE, CONF_RELAY_TLS_DANE_ONLY, CONF_RELAY_TLS_VERIFY,
	CONF_RELAY_TLS_SECURE, CONF_RELAY_TLS_FINGERPRINT };

extern const struct opt	conf_godwit_rows[];
extern const struct opt	conf_tls_rows[];
extern const struct opt	conf_listen_rows[];
extern const struct opt	conf_domain_rows[];
extern const struct opt	conf_route_rows[];
extern const struct opt	conf_dns_rows[];
extern const struct opt	conf_smtpd_rows[];	/* queue counts what its processes share */

#define CONF_GODWIT_SECTION	OPT_SECTION("godwit", conf_godwit_rows, struct godwit_options)
#define CONF_TLS_SECTION	OPT_SECTION("tls", conf_tls_rows, struct tls_options)
#define CONF_LISTEN_SECTION	OPT_TITLED_SECTION("listen", conf_listen_rows, struct listen_options)
#define CONF_DOMAIN_SECTION	OPT_TITLED_SECTION("domain", conf_domain_rows, struct domain_options)
#define CONF_ROUTE_SECTION	OPT_TITLED_SECTION("route", conf_route_rows, struct route_options)
#define CONF_DNS_SECTION	OPT_SECTION("dns", conf_dns_rows, struct dns_options)
#define CONF_SMTPD_SECTION	OPT_SECTION("smtpd", conf_smtpd_rows, struct smtpd_options)

#endif
