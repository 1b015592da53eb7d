//! code written through /proc/self/mem, by every call that writes to a file, at a position and at the file's own
#include <sys/uio.h>
#include "jit.h"
int main(void) {
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int memory = MUST(open("/proc/self/mem", O_RDWR));
    uint8_t bytes[64];
    struct iovec piece = {bytes, 16};
    for (int n = 1; n < 200; n++) {
        jit_constant(bytes, n);
        lseek(memory, (long)code, SEEK_SET);
        switch (n % 5) {
        case 0: MUST(write(memory, bytes, 16)); break;
        case 1: MUST(pwrite(memory, bytes, 16, (long)code)); break;
        case 2: MUST(pwritev(memory, &piece, 1, (long)code)); break;
        case 3: MUST(writev(memory, &piece, 1)); break;
        case 4: MUST(pwritev2(memory, &piece, 1, (long)code, 0)); break;
        }
        for (int i = 0; i < 3; i++) CHECK(((code_fn)code)(0) == (uint64_t)n, "way %d", n % 5);
    }
    return verdict();
}
