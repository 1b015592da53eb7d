//! ten thousand forks
// args: 10000
// link: dynamic
// modes: run
// limit: 300
#include "common.h"
int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 1500;
    uint64_t hash = 0;
    for (int n = 0; n < count; n++) {
        pid_t child = fork();
        if (child < 0) { FAIL("fork %d: %s", n, strerror(errno)); break; }
        if (!child) {
            if (n % 50 == 0) abort();
            if (n % 7 == 0) exit(grind(n, 100) & 63);
            _exit(n & 63);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child, "waitpid");
        hash = mix(hash, status);
    }
    printf("%016lx\n", hash);
    return verdict();
}
