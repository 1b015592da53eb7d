//! under RLIMIT_AS the program starts, allocates up to its limit, gets ENOMEM beyond, and forks and execs
// link: static static-pie
#include <sys/resource.h>
#include "common.h"
int main(int argc, char **argv) {
    if (argc > 1) {
        size_t got = 0, step = 1 << 20;
        while (got < (1u << 30)) {
            void *p = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (p == MAP_FAILED) { printf("refused: %s\n", strerror(errno)); break; }
            memset(p, 1, 64);
            got += step;
        }
        CHECK(got > 0, "nothing could be allocated");
        printf("%s\n", got < (1u << 30) ? "limited" : "unlimited");
        return verdict();
    }
    static const unsigned long limits[] = {4ul << 30, 1ul << 30, 256ul << 20, 128ul << 20};
    for (int n = 0; n < 4; n++) {
        fflush(stdout);
        pid_t child = MUST(fork());
        if (!child) {
            struct rlimit limit = {limits[n], limits[n]};
            MUST(setrlimit(RLIMIT_AS, &limit));
            execl("/proc/self/exe", "limited", "x", NULL);
            printf("exec: %s\n", strerror(errno));
            exit(98);
        }
        int status;
        waitpid(child, &status, 0);
        printf("%lu MiB: ", limits[n] >> 20);
        print_status("end", status);
    }
    return verdict();
}
