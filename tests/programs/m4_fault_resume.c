//! a handler repairs the cause and the same instruction runs again: lazy pages, lazy protection, counted
#include "common.h"
enum { PAGES = 400 };
static char *memory;
static volatile long faults;
static void on_fault(int signal, siginfo_t *info, void *context) {
    char *page = (char *)((uint64_t)info->si_addr & ~4095ul);
    if (page < memory || page >= memory + PAGES * 4096l) _exit(98);
    faults++;
    MUST(mprotect(page, 4096, PROT_READ | PROT_WRITE));
}
int main(void) {
    handle(SIGSEGV, on_fault, 0);
    memory = mmap(NULL, PAGES * 4096l, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t hash = 0, seed = 3;
    for (int round = 0; round < 5; round++) {
        for (int n = 0; n < 20000; n++) {
            uint64_t *word = (uint64_t *)(memory + next_random(&seed) % (PAGES * 512l) * 8);
            *word += n;
            hash = mix(hash, *word);
        }
        MUST(mprotect(memory, PAGES * 4096l, round & 1 ? PROT_NONE : PROT_READ));
        memmove(memory + 4096, memory, 4096 * 30);
    }
    printf("%ld faults, %016lx\n", faults, hash);
    return verdict();
}
