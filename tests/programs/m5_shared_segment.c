//! code in System V shared memory: written through another attachment and by a child, detached, attached again
#include <sys/shm.h>
#include "jit.h"
enum { BYTES = 3 * 4096 };
static void fill(uint8_t *writable, uint32_t value) {
    for (int at = 0; at < BYTES; at += 4096) jit_constant(writable + at, value + at);
}
static void expect(uint8_t *code, uint32_t value, const char *when) {
    for (int at = 0; at < BYTES; at += 4096)
        CHECK(jit_call(code + at) == value + at, "%s, at %x: %ld", when, at, jit_call(code + at));
}
int main(void) {
    handle(SIGSEGV, jit_fault, 0);
    int id = MUST(shmget(IPC_PRIVATE, BYTES, IPC_CREAT | 0700));
    uint8_t *writable = shmat(id, NULL, 0), *code = shmat(id, NULL, SHM_EXEC | SHM_RDONLY);
    for (uint32_t n = 0; n < 20; n++) {
        fill(writable, n);
        expect(code, n, "written");
    }
    CHECK(jit_call(writable) == -SIGSEGV, "not executable");
    if (!fork()) {
        fill(writable, 77);
        _exit(0);
    }
    wait(NULL);
    expect(code, 77, "written by a child");
    MUST(shmdt(code));
    for (int at = 0; at < BYTES; at += 4096) CHECK(jit_call(code + at) == -SIGSEGV, "detached, at %x", at);
    CHECK(shmat(id, code, SHM_EXEC) == code, "attached again");
    expect(code, 77, "attached again");
    CHECK(shmat(id, code, SHM_REMAP) == code, "attached over it");
    CHECK(jit_call(code) == -SIGSEGV, "attached over it");
    shmctl(id, IPC_RMID, NULL);
    return verdict();
}
