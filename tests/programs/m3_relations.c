//! process groups, sessions, parent death signals, wait options, zombies, subreapers
#include <sys/prctl.h>
#include "common.h"
int main(void) {
    int status, ends[2];
    siginfo_t info;
    pid_t group = MUST(fork());
    if (!group) { setpgid(0, 0); pause(); _exit(0); }
    setpgid(group, group);
    pid_t second = MUST(fork());
    if (!second) { setpgid(0, group); pause(); _exit(0); }
    setpgid(second, group);
    CHECK(getpgid(second) == group, "group");
    kill(-group, SIGTERM);
    for (int n = 0; n < 2; n++) {
        CHECK(waitpid(-group, &status, 0) > 0, "wait for the group");
        print_status("member", status);
    }
    // Nobody waits yet: a zombie, then waitid without reaping, then with.
    pid_t zombie = MUST(fork());
    if (!zombie) _exit(33);
    CHECK(waitid(P_PID, zombie, &info, WEXITED | WNOWAIT) == 0, "waitid");
    printf("code %d status %d\n", info.si_code, info.si_status);
    CHECK(kill(zombie, 0) == 0, "a zombie is there");
    CHECK(waitpid(zombie, &status, WNOHANG) == zombie, "reap");
    CHECK(kill(zombie, 0) == -1 && errno == ESRCH, "reaped");
    // The grandchild hears of its parent's death.
    MUST(pipe(ends));
    pid_t middle = MUST(fork());
    if (!middle) {
        if (!fork()) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) pause();
        }
        usleep(50000);
        _exit(0);
    }
    close(ends[1]);
    char byte;
    CHECK(read(ends[0], &byte, 1) == 0, "the grandchild lives on");
    waitpid(middle, &status, 0);
    // As a subreaper this process gets the orphan.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    MUST(pipe(ends));
    middle = MUST(fork());
    if (!middle) {
        if (!fork()) { usleep(50000); _exit(getppid() == 1 ? 1 : 44); }
        _exit(0);
    }
    waitpid(middle, &status, 0);
    CHECK(wait(&status) > 0, "the orphan");
    print_status("orphan", status);
    pid_t leader = MUST(fork());
    if (!leader) _exit(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid() ? 55 : 56);
    waitpid(leader, &status, 0);
    print_status("leader", status);
    CHECK(wait(NULL) == -1 && errno == ECHILD, "a child is left");
    return verdict();
}
