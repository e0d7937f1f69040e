#!/usr/bin/env bash
# Sanitizers and valgrind over the stress programs, and AddressSanitizer over all tests.
#
#   loom-tests/check.sh fast      a few minutes; part of .ci/run
#   loom-tests/check.sh deep      an hour or so
#
# Each step builds into a directory of its own below the target directory; with CI=true it is removed after the step. A
# tool that is missing is skipped, and said so. Any report of any tool fails the run; what is none is listed, with
# reasons, in suppressions/.
#
# A stress program prints its seed: RADDLE_SEED=… cargo test -p raddle --test stress_scheduler runs it again.
# RADDLE_NIGHTLY names the nightly toolchain, if it is not `nightly`.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/.."

mode=${1:-}
case $mode in
fast) tsan=2 asan=1 lsan=1 memcheck=0.1 ;;
deep) tsan=30 asan=20 lsan=20 memcheck=2 ;;
*)
    echo "usage: loom-tests/check.sh fast|deep" >&2
    exit 2
    ;;
esac

nightly=${RADDLE_NIGHTLY:-nightly}
target_dir=${CARGO_TARGET_DIR:-$PWD/target}
suppressions=$here/suppressions
host=$(rustc -vV | sed -n 's/^host: //p')
stress=(-p raddle --test stress_scheduler --test stress_timers --test stress_tcp --test stress_sync --test stress_wakes)
failed=() skipped=()
# Of all tests those that can be judged over malloc, which is not what `memory` measures, and that need no features: those
# are about other people's code.
all_tests=(-p raddle -p raddle-io --lib)
for file in {runtime,io}/tests/*.rs; do
    name=$(basename "$file" .rs)
    case $name in
    memory | ecosystem_* | tls* | https | command | task_spans) ;;
    *) all_tests+=(--test "$name") ;;
    esac
done

# Enough for a report to name its lines, and half the work for the linker.
export CARGO_PROFILE_DEV_DEBUG=line-tables-only
# Nothing is built twice here, and what would be kept for that is as large as the programs.
export CARGO_INCREMENTAL=0

# std is not instrumented, hence not of "the same ABI"; `--target` keeps build scripts and macros free of it all.
instrument() {
    echo "-Zsanitizer=$1 -Cunsafe-allow-abi-mismatch=sanitizer -Cforce-frame-pointers=yes"
}
# Task pages hide what lies in them from the heap tools.
malloc="--cfg raddle_malloc"
# rustix's own system calls pass unseen; through libc the tools see what is mapped and unmapped.
libc="--cfg rustix_use_libc"

have_nightly() {
    rustup run "$nightly" rustc -V >/dev/null 2>&1
}

# step NAME FACTOR RUSTFLAGS COMMAND…: runs the command in the step's own target directory.
step() {
    local name=$1 factor=$2 flags=$3 begun=$SECONDS
    shift 3
    echo
    echo "== $name (factor $factor)"
    if RUSTFLAGS=$flags RADDLE_STRESS=$factor CARGO_TARGET_DIR=$target_dir/check-$name "$@"; then
        echo "== $name: clean, $((SECONDS - begun)) s"
    else
        failed+=("$name")
        echo "== $name: FAILED, $((SECONDS - begun)) s"
    fi
    if [[ ${CI:-} == true ]]; then
        du -sh "$target_dir/check-$name"
        rm -rf "$target_dir/check-$name"
    fi
}

skip() {
    skipped+=("$1")
    echo
    echo "== $1: SKIPPED: $2"
}

sanitized() {
    cargo "+$nightly" test --no-fail-fast --target "$host" "$@"
}

if have_nightly; then
    # The whole truth, also after the first report; 66 is the exit status then.
    export TSAN_OPTIONS="history_size=4 suppressions=$suppressions/tsan.txt print_suppressions=0"
    step thread "$tsan" "$(instrument thread) $libc" sanitized "${stress[@]}"

    # Leaks are looked for, too.
    export LSAN_OPTIONS="suppressions=$suppressions/lsan.txt print_suppressions=0"
    export ASAN_OPTIONS="detect_leaks=1 detect_stack_use_after_return=1"
    step address "$asan" "$(instrument address) $malloc $libc" sanitized "${all_tests[@]}"

    # Over the pages that programs really run on. (Over malloc, AddressSanitizer has looked already.)
    step leak "$lsan" "-Zsanitizer=leak -Cforce-frame-pointers=yes" sanitized "${stress[@]}"
    if [[ $mode == deep ]]; then
        step leak-malloc "$lsan" "-Zsanitizer=leak -Cforce-frame-pointers=yes $malloc" sanitized "${stress[@]}"
    fi
else
    for name in thread address leak; do
        skip "$name" "no toolchain called $nightly"
    done
fi

memchecked() {
    # valgrind runs one thread at a time; fairly, or one that spins keeps the others from ending its wait.
    local runner="valgrind -q --fair-sched=yes --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,possible"
    runner+=" --errors-for-leak-kinds=definite,possible --suppressions=$suppressions/valgrind.supp"
    local variable=${host^^}
    variable=CARGO_TARGET_${variable//-/_}_RUNNER
    env "$variable=$runner" CARGO_PROFILE_DEV_OPT_LEVEL=1 RADDLE_STRESS_LIMIT=1800 \
        cargo test --no-fail-fast --target "$host" "$@"
}

if command -v valgrind >/dev/null; then
    step memcheck "$memcheck" "$malloc" memchecked "${stress[@]}"
else
    skip memcheck "no valgrind"
fi

echo
if ((${#skipped[@]})); then
    echo "skipped: ${skipped[*]}"
fi
if ((${#failed[@]})); then
    echo "check $mode: FAILED: ${failed[*]}"
    exit 1
fi
echo "check $mode: clean"
