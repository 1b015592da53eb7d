//! every way to end: return, exit, _exit, abort, assert, uncaught signals, also realtime ones
// args: return
// args: exit
// args: _exit
// args: quick
// args: thread
// args: abort
// args: segv
// args: fpe
// args: ill
// args: trap
// args: bus
// args: null
// args: kill 15
// args: kill 9
// args: kill 1
// args: kill 10
// args: kill 34
// args: kill 40
// args: kill 64
// args: kill 13
// args: kill 17
// args: tgkill 6
// args: pipe
// args: alarm
// args: cpu
// args: 300
// flags: -pthread
#include <pthread.h>
#include <sys/resource.h>
#include "common.h"
static void at_end(void) { puts("at end"); }
static void *in_thread(void *unused) { exit(8); return unused; }
int main(int argc, char **argv) {
    const char *how = argv[1];
    atexit(at_end);
    printf("%s\n", how);
    fflush(stdout);
    if (!strcmp(how, "return")) return 3;
    if (!strcmp(how, "exit")) exit(4);
    if (!strcmp(how, "_exit")) _exit(5);
    if (!strcmp(how, "quick")) quick_exit(6);
    if (!strcmp(how, "abort")) abort();
    if (!strcmp(how, "segv")) *(volatile int *)16 = 1;
    if (!strcmp(how, "fpe")) return argc / (argc - 2);
    if (!strcmp(how, "ill")) __asm__ volatile("ud2");
    if (!strcmp(how, "trap")) __asm__ volatile("int3");
    if (!strcmp(how, "null")) ((void (*)(void))0)();
    if (!strcmp(how, "bus")) {
        int file = memfd_create("x", 0);
        return *(volatile int *)mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    }
    if (!strcmp(how, "kill")) kill(getpid(), atoi(argv[2])), sleep(1);
    if (!strcmp(how, "tgkill")) syscall(SYS_tgkill, getpid(), getpid(), atoi(argv[2]));
    if (!strcmp(how, "pipe")) {
        int ends[2];
        MUST(pipe(ends));
        close(ends[0]);
        return write(ends[1], "x", 1);
    }
    if (!strcmp(how, "alarm")) alarm(1), grind(1, 1l << 50);
    if (!strcmp(how, "cpu")) {
        struct rlimit limit = {1, 2};
        setrlimit(RLIMIT_CPU, &limit);
        grind(1, 1l << 50);
    }
    if (!strcmp(how, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, in_thread, NULL);
        for (;;) pause();
    }
    return atoi(how);
}
