# SPDX-License-Identifier: ISC
# imapflow as package-lock.json names it, into build/imapflow, unless it is there.
cd "$(dirname "$0")"
to=../../../build/imapflow
[ -d $to/node_modules/imapflow ] && exit 0
command -v node >/dev/null && command -v npm >/dev/null || { echo "node or npm is not installed"; exit 1; }
mkdir -p $to && cp package.json package-lock.json $to/ && cd $to || exit 1
timeout 120 npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1 && exit 0
rm -rf node_modules
echo "npm cannot install imapflow here"
exit 1
