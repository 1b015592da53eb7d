#!/usr/bin/env bash
# Builds the programs of this directory twice, natively and for WASI: build.sh DIRECTORY PROGRAM...
#
# Makes DIRECTORY/PROGRAM and DIRECTORY/PROGRAM.wasm. Needs clang, lld, wasi-libc and libclang-rt-dev-wasm32 of
# Debian; `text` needs rustc's target wasm32-wasip1. `lua` and `sqlite` are built from the C that comes with the
# crates lua-src and libsqlite3-sys, which cargo fetches; nothing of it is kept here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
shift
mkdir -p "$out"

# compile PROGRAM FLAGS_AND_SOURCES...: the same for both.
compile() {
    local program=$1
    shift
    cc -O2 -w -o "$out/$program.tmp" "$@" -lm
    mv "$out/$program.tmp" "$out/$program"
    clang --target=wasm32-wasi -O2 -w -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS \
        -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_MMAN -o "$out/$program.wasm.tmp" "$@" -lm \
        -lwasi-emulated-signal -lwasi-emulated-process-clocks -lwasi-emulated-getpid -lwasi-emulated-mman
    mv "$out/$program.wasm.tmp" "$out/$program.wasm"
}

# source CRATE VERSION: where cargo has a crate's files.
source_of() {
    local project=$out/fetch-$1
    mkdir -p "$project/src"
    touch "$project/src/lib.rs"
    printf '[workspace]\n[package]\nname = "fetch"\nedition = "2024"\n[dependencies]\n%s = "=%s"\n' "$1" "$2" >"$project/Cargo.toml"
    cargo fetch --quiet --manifest-path "$project/Cargo.toml" >&2
    cargo metadata --offline --format-version 1 --manifest-path "$project/Cargo.toml" |
        grep -o "\"manifest_path\":\"[^\"]*/$1-$2/Cargo.toml\"" | cut -d'"' -f4 | head -1 | xargs dirname
}

lua() {
    local lua
    lua=$(source_of lua-src 551.1.0)/lua-5.4.9
    # WASI's C library has no setjmp, and what remains here needs none.
    mkdir -p "$out/empty"
    : >"$out/empty/setjmp.h"
    compile lua -I"$out/empty" -I"$lua" '-DLUAI_THROW(L,c)=abort()' '-DLUAI_TRY(L,c,a)={a}' -Dluai_jmpbuf=int \
        "$here/lua.c" $(find "$lua" -name '*.c' ! -name lua.c ! -name luac.c ! -name onelua.c ! -name ltests.c | sort)
}

sqlite() {
    local sqlite
    sqlite=$(source_of libsqlite3-sys 0.39.1)/sqlite3
    compile sqlite -I"$sqlite" -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL \
        -DSQLITE_DEFAULT_UNIX_VFS='"unix-none"' "$here/sqlite.c" "$sqlite/sqlite3.c"
}

text() {
    rustc --edition 2024 -O -o "$out/text" "$here/text.rs"
    rustc --edition 2024 -O --target wasm32-wasip1 -o "$out/text.wasm" "$here/text.rs"
}

for program in "$@"; do
    if declare -F "$program" >/dev/null; then "$program"; else compile "$program" "$here/$program.c"; fi
done
