//! under RLIMIT_AS and RLIMIT_DATA the program starts, sees its limit, allocates up to it, gets ENOMEM beyond, forks and execs
// link: static static-pie
#include <sys/resource.h>
#include "common.h"
static unsigned long seen(int resource) {
    struct rlimit old = {1, 1}, get = {2, 2};
    MUST(prlimit(0, resource, NULL, &old));
    MUST(getrlimit(resource, &get));
    CHECK(old.rlim_cur == get.rlim_cur && old.rlim_max == get.rlim_max, "two answers");
    return get.rlim_cur;
}
static int limited(int resource) {
    size_t got = 0, step = 1 << 20, most = 2ul << 30;
    printf("limit %lu, ", seen(resource));
    fflush(stdout);
    pid_t child = fork();
    if (!child) _exit(seen(resource) >> 20 & 63);
    int status;
    waitpid(child, &status, 0);
    CHECK(child > 0 && WEXITSTATUS(status) == (seen(resource) >> 20 & 63), "child %d, status %#x", child, status);
    while (got < most) {
        void *p = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) { printf("refused: %s, ", strerror(errno)); break; }
        memset(p, 1, 64);
        got += step;
    }
    CHECK(got > 0, "nothing could be allocated");
    struct rlimit less = {32 << 20, 64 << 20}, more = {32 << 20, 8ul << 30}, wrong = {3, 2};
    MUST(setrlimit(resource, &less));
    printf("then %lu, wrong %d, ", seen(resource), setrlimit(resource, &wrong) ? errno : 0);
    printf("more %d, nowhere %d, ", setrlimit(resource, &more) ? errno : 0, getrlimit(resource, (void *)1) ? errno : 0);
    printf("%s\n", got < most ? "limited" : "unlimited");
    return verdict();
}
int main(int argc, char **argv) {
    if (argc > 1) return limited(atoi(argv[1]));
    static const unsigned long limits[] = {4ul << 30, 1ul << 30, 256ul << 20, 128ul << 20};
    static const int resources[] = {RLIMIT_AS, RLIMIT_DATA};
    for (int n = 0; n < 8; n++) {
        fflush(stdout);
        pid_t child = MUST(fork());
        if (!child) {
            struct rlimit limit = {limits[n / 2], limits[n / 2] + 12345};
            MUST(setrlimit(resources[n % 2], &limit));
            execl("/proc/self/exe", "limited", n % 2 ? "2" : "9", NULL);
            printf("exec: %s\n", strerror(errno));
            exit(98);
        }
        int status;
        waitpid(child, &status, 0);
        printf("%lu MiB: ", limits[n / 2] >> 20);
        print_status("end", status);
    }
    return verdict();
}
