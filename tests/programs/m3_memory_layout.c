//! the heap grows, fixed and low mappings succeed, mremap moves, stacks grow, huge reservations work
#include <sys/resource.h>
#include "common.h"
int main(void) {
    char *start = sbrk(0);
    for (int n = 0; n < 64; n++) {
        char *p = sbrk(4 << 20);
        CHECK(p != (void *)-1, "sbrk %d: %s", n, strerror(errno));
        if (p != (void *)-1) memset(p, n, 4096);
    }
    CHECK((char *)sbrk(0) - start == 256l << 20, "the heap did not grow in place");
    CHECK(brk(start) == 0 && sbrk(0) == start, "the heap does not shrink");
    for (uint64_t at = 0x10000000; at < 0x20000000; at += 0x4000000) {
        char *p = mmap((void *)at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        CHECK(p == (char *)at, "%#lx is taken", at);
    }
    char *reserve = mmap(NULL, 1ul << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(reserve != MAP_FAILED, "a terabyte");
    CHECK(mprotect(reserve + (1ul << 39), 4096, PROT_READ | PROT_WRITE) == 0, "mprotect inside");
    reserve[1ul << 39] = 1;
    munmap(reserve, 1ul << 40);
    char *low = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    CHECK(low != MAP_FAILED && (uint64_t)low < 0x80000000, "MAP_32BIT gives %p", low);
    char *a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(a, "moves along");
    char *b = mremap(a, 8192, 1 << 20, MREMAP_MAYMOVE);
    CHECK(b != MAP_FAILED && !strcmp(b, "moves along"), "mremap");
    CHECK(mincore(a + 0x10000000000, 4096, (unsigned char[8]){0}) == -1, "mincore");
    CHECK(madvise(b, 4096, MADV_DONTNEED) == 0 && b[0] == 0, "madvise");
    CHECK(munmap((void *)1, 4096) == -1 && errno == EINVAL, "munmap of nonsense");
    CHECK(mprotect((void *)0x10000, 4096, PROT_READ) == -1 && errno == ENOMEM, "mprotect of nothing");
    return verdict();
}
