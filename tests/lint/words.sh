# SPDX-License-Identifier: ISC
# Nothing unfinished, and nothing of the machine it was written on.
if git grep -nIiwE 'TODO|FIXME|XXX' -- '*.c' '*.h' '*.py' '*.sh' Makefile '*.mk' man README ':!tests/lint/words.sh'; then
	exit 1
fi
if git grep -nIE '(^|[^[:alnum:]_./-])/(wor[k]|roo[t])/' -- . ':!tests/lint/words.sh'; then
	exit 1
fi
exit 0
