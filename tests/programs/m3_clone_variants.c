//! clone with and without shared memory, files, handlers, parent, with thread ids and pidfd, by raw system calls
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include "common.h"
static char stack[65536] __attribute__((aligned(16)));
static volatile int word;
static int child_main(void *argument) {
    word = (int)(long)argument;
    for (volatile int i = 0; i < 1000; i++) {}
    return 5;
}
static int run(const char *what, int flags, void *argument) {
    int status = -1;
    word = 0;
    pid_t child = clone(child_main, stack + sizeof stack, flags | SIGCHLD, argument);
    if (child < 0) { printf("%s: %s\n", what, strerror(errno)); return -1; }
    CHECK(waitpid(child, &status, __WALL) == child, "%s: waitpid", what);
    printf("%s: status %#x, word %d\n", what, status, word);
    return child;
}
static int closes(void *argument) { close((int)(long)argument); return 0; }
static int chdirs(void *unused) { return chdir("/"); }
static void on_usr(int signal, siginfo_t *info, void *context) { word = 77; }
static int handles(void *unused) { handle(SIGUSR2, on_usr, 0); return 0; }
static int exits_thread(void *unused) { syscall(SYS_exit, 9); return 0; }
int main(void) {
    run("plain", 0, (void *)11);
    run("vm", CLONE_VM, (void *)12);
    run("vm vfork", CLONE_VM | CLONE_VFORK, (void *)13);
    run("vfork", CLONE_VFORK, (void *)14);
    run("bad", CLONE_THREAD, (void *)15);
    run("bad too", CLONE_SIGHAND, (void *)16);
    int status, file = open("/dev/null", O_RDONLY);
    pid_t child = clone(closes, stack + sizeof stack, CLONE_FILES | SIGCHLD, (void *)(long)file);
    waitpid(child, &status, 0);
    CHECK(fcntl(file, F_GETFD) == -1, "shared files: still open");
    file = open("/dev/null", O_RDONLY);
    child = clone(closes, stack + sizeof stack, CLONE_VM | SIGCHLD, (void *)(long)file);
    waitpid(child, &status, 0);
    CHECK(fcntl(file, F_GETFD) == 0, "files of its own: closed");
    char before[4096], after[4096];
    CHECK(getcwd(before, sizeof before), "getcwd");
    child = clone(chdirs, stack + sizeof stack, CLONE_FS | SIGCHLD, NULL);
    waitpid(child, &status, 0);
    CHECK(getcwd(after, sizeof after) && !strcmp(after, "/"), "shared directory");
    CHECK(chdir(before) == 0, "chdir");
    child = clone(handles, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
    waitpid(child, &status, 0);
    word = 0;
    raise(SIGUSR2);
    CHECK(word == 77, "shared handlers: not installed here");
    signal(SIGUSR2, SIG_IGN);
    child = clone(handles, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    waitpid(child, &status, 0);
    word = 0;
    raise(SIGUSR2);
    CHECK(word == 0, "handlers of its own: installed here");
    // No exit signal: only __WCLONE sees it.
    child = clone(exits_thread, stack + sizeof stack, CLONE_VM, NULL);
    CHECK(waitpid(child, &status, 0) == -1 && errno == ECHILD, "seen without __WCLONE");
    CHECK(waitpid(child, &status, __WCLONE) == child, "not seen with __WCLONE");
    printf("no signal: %#x\n", status);
    pid_t told = 0;
    pid_t futex = 1;
    child = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &told, &futex, 0);
    if (!child) _exit(futex == getpid() ? 21 : 22);
    waitpid(child, &status, 0);
    CHECK(told == child, "parent's word");
    printf("child's word: %d\n", WEXITSTATUS(status));
    int pidfd = -1;
    child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
    if (!child) _exit(23);
    struct pollfd one = {pidfd, POLLIN, 0};
    CHECK(poll(&one, 1, 10000) == 1, "pidfd does not become ready");
    siginfo_t info;
    CHECK(waitid(3 /* P_PIDFD */, pidfd, &info, WEXITED) == 0 && info.si_status == 23, "waitid on a pidfd");
    // Thread-like: cleared on exit, woken by futex.
    futex = 1;
    child = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID,
                  (void *)31, NULL, NULL, &futex);
    CHECK(child > 0, "thread: %s", strerror(errno));
    for (int value; (value = *(volatile pid_t *)&futex);) syscall(SYS_futex, &futex, FUTEX_WAIT, value, NULL, NULL, 0);
    CHECK(word == 31, "the thread wrote %d", word);
    return verdict();
}
