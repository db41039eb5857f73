/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_sections.h"

#define OPT(...)	OPT_ROW(struct godwit_options, __VA_ARGS__)
const struct opt	conf_godwit_rows[] = {
#include "lib/conf/godwit.opt"
	OPT_ROWS_END
};
#undef OPT

#define OPT(...)	OPT_ROW(struct tls_options, __VA_ARGS__)
const struct opt	conf_tls_rows[] = {
#include "lib/conf/tls.opt"
	OPT_ROWS_END
};
#undef OPT

#define OPT(...)	OPT_ROW(struct listen_options, __VA_ARGS__)
const struct opt	conf_listen_rows[] = {
#include "lib/conf/listen.opt"
	OPT_ROWS_END
};
#undef OPT

#define OPT(...)	OPT_ROW(struct domain_options, __VA_ARGS__)
const struct opt	conf_domain_rows[] = {
#include "lib/conf/domain.opt"
	OPT_ROWS_END
};
#undef OPT

#define OPT(...)	OPT_ROW(struct route_options, __VA_ARGS__)
const struct opt	conf_route_rows[] = {
#include "lib/conf/route.opt"
	OPT_ROWS_END
};
#undef OPT

#define OPT(...)	OPT_ROW(struct dns_options, __VA_ARGS__)
const struct opt	conf_dns_rows[] = {
#include "lib/conf/dns.opt"
	OPT_ROWS_END
};
#undef OPT

#define OPT(...)	OPT_ROW(struct smtpd_options, __VA_ARGS__)
const struct opt	conf_smtpd_rows[] = {
#include "lib/conf/smtpd.opt"
	OPT_ROWS_END
};
#undef OPT
