# SPDX-License-Identifier: ISC
make -s testprogs || exit 1
python=/usr/bin/python3
[ -x $python ] || python=python3
exec $python tests/bench/bench.py "$@"
