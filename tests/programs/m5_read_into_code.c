//! the kernel writes code: read, pread, readv, recv, process_vm_writev, /proc/self/mem, getrandom, into run pages
#include <sys/socket.h>
#include <sys/uio.h>
#include "jit.h"
int main(void) {
    uint8_t *page = jit_pages(1, RWX), code[64];
    int file = memfd_create("code", 0), memory = open("/proc/self/mem", O_RDWR), sockets[2];
    MUST(memory);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    for (uint64_t n = 1; n < 400; n++) {
        for (int way = 0; way < 7; way++) {
            uint64_t seed = n * 8 + way;
            memset(code, 0xcc, sizeof code);
            jit_constant(code, seed);
            struct iovec to = {page + 128, 16}, from = {code, 16};
            long done = 0;
            switch (way) {
            case 0: MUST(pwrite(file, code, 16, 0)); lseek(file, 0, SEEK_SET); done = read(file, page + 128, 16); break;
            case 1: MUST(pwrite(file, code, 16, 0)); done = pread(file, page + 128, 16, 0); break;
            case 2: MUST(pwrite(file, code, 16, 0)); done = preadv(file, &to, 1, 0); break;
            case 3: MUST(write(sockets[0], code, 16)); done = recv(sockets[1], page + 128, 16, 0); break;
            case 4: done = process_vm_writev(getpid(), &from, 1, &to, 1, 0); break;
            case 5: done = pwrite(memory, code, 16, (off_t)(page + 128)); break;
            case 6: memcpy(page + 128, code, 16); done = 16; break;
            }
            CHECK(done == 16, "way %d gives %ld: %s", way, done, strerror(errno));
            CHECK(((code_fn)(page + 128))(0) == (uint32_t)seed, "way %d: old code ran", way);
        }
    }
    // A page that is only executable may be written by /proc/self/mem all the same.
    MUST(mprotect(page, 4096, RX));
    for (uint32_t n = 0; n < 50; n++) {
        jit_constant(code, n);
        CHECK(pwrite(memory, code, 6, (off_t)(page + 128)) == 6, "write: %s", strerror(errno));
        CHECK(((code_fn)(page + 128))(0) == n, "forced write: old code ran");
        CHECK(pread(file, page + 128, 6, 0) == -1 && errno == EFAULT, "read into a page that is not writable");
    }
    return verdict();
}
