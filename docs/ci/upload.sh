#!/bin/sh
# One upload with the ledger on its own branch (docs/ci/state.md), for any CI system or cron. Run it in the repository:
#   upload.sh [ARGUMENTS OF billproof upload]
# With --dry-run it only shows what would be uploaded: it needs no token, and nothing is saved.
# It exits with billproof's exit code: 0 done, 1 a file has errors, 2 wrong usage, 3 unproved, 4 not sent; with 3 in any case if
# the ledger could not be fetched or saved. billproof.yaml must say `ledger: .ledger`. BILLPROOF_LEDGER_REMOTE is the remote with
# the branch, if it is not this repository's origin.
set -eu
here=$(dirname "$0")
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE # a git hook sets them, and they name another repository than .ledger

wrong() {
    echo "upload.sh: $1" >&2
    exit 2
}

unproved() {
    echo "UNPROVED  $1" >&2
    exit 3
}

dry_run=
for argument in "$@"; do
    case $argument in
    --) break ;;
    --dry-run) dry_run=yes ;;
    --config | --config=*) wrong "--config is not possible: this script saves the ledger of ./billproof.yaml" ;;
    esac
done

# Any other ledger would be used but not saved.
grep -Eqs "^ledger: *['\"]?(\./)?\.ledger/?['\"]? *(#.*)?\$" billproof.yaml ||
    wrong "billproof.yaml must say \`ledger: .ledger\`, because this script fetches and saves that folder"

if [ ! -e .ledger ]; then
    git clone --quiet --depth 1 --branch billproof-ledger \
        "${BILLPROOF_LEDGER_REMOTE:-$(git remote get-url origin)}" .ledger || unproved "the ledger could not be fetched"
else
    # In a plain folder, git would work on the repository around it, and change that.
    [ "$(git -C .ledger rev-parse --show-prefix 2>/dev/null || echo none)" = "" ] ||
        unproved ".ledger is not a checkout of the ledger's branch: see docs/ci/state.md. Keep its receipts"
    branch=$(git -C .ledger symbolic-ref --quiet --short HEAD) || unproved ".ledger is not on a branch"
    # Receipts that an earlier run did not save stay here and are saved with the rest.
    git -C .ledger pull --quiet --rebase origin "$branch" || unproved "the ledger could not be fetched"
fi

trap : HUP INT TERM # however billproof ends, its receipts are saved
code=0
billproof upload "$@" || code=$?
if [ -z "$dry_run" ] && ! "$here/save-ledger.sh" .ledger; then
    unproved "the ledger was not saved: keep .ledger, or the next run will not know what was uploaded"
fi
exit "$code"
