//! a program that locks all its memory gets no larger than that
// needs: root
#include <sys/resource.h>
#include "common.h"
int main(void) {
    MUST(mlockall(MCL_CURRENT | MCL_FUTURE));
    char *more = malloc(1 << 20);
    memset(more, 1, 1 << 20);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("below 100 MB: %d\n", usage.ru_maxrss < 100 << 10);
    errno = 0;
    printf("no flags: %d %d\n", mlockall(0), errno);
    printf("unknown flags: %d %d\n", mlockall(64), errno);
    pid_t child = MUST(fork());
    if (!child) _exit(3);
    int status;
    MUST(waitpid(child, &status, 0));
    print_status("child", status);
    MUST(munlockall());
    return verdict();
}
