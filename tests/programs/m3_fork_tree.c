//! a tree of forks: each child computes on, each parent sees its child's status, memory is not shared
#include "common.h"
static uint64_t shared = 1;
static int grow(int depth) {
    int sum = depth;
    for (int n = 0; n < 2 && depth; n++) {
        fflush(stdout);
        pid_t child = MUST(fork());
        shared = mix(shared, depth * 10 + n + (child == 0));
        if (!child) {
            pid_t parent = getppid();
            CHECK(parent != getpid(), "the parent is another");
            exit(grow(depth - 1) + (failures ? 100 : 0));
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child, "waitpid");
        CHECK(WIFEXITED(status), "status %#x", status);
        sum += WEXITSTATUS(status);
    }
    return sum % 97;
}
int main(void) {
    printf("%d\n", grow(6));
    printf("%016lx\n", shared);
    int status;
    CHECK(wait(&status) == -1 && errno == ECHILD, "there is a child that is not ours");
    return verdict();
}
