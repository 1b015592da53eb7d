/* Does what the runtime does before an exec: finds the control block, posts a request, waits for the host,
 * calls exec, and cancels when that fails.
 *
 *   exec_request [WORD...] PROGRAM ARGUMENTS...
 *
 *   thread     a second thread does it
 *   missing    the exec fails
 *   traced     a child does it that its parent traces
 *   fan=N      N children do it at once
 *   stopped    a child does it that is stopped, and continued, between the request and the exec
 *   signalled  a signal arrives between the request and the exec
 *   late       a child waits until the host has closed, and says so
 *   filtered   under a seccomp filter that traps openat for writing and socketpair
 *   uid=N      as another user
 *   root=DIR   in another root directory
 *
 * The offsets of the shared structures come from the command line of the compiler. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FREE, CLAIMED, POSTED, TAKEN, READY, REFUSED, CANCELLED };

static char *control;
static char **program;
static int missing, stopped, signalled, late;

static uint32_t *word(size_t at) { return (uint32_t *)(control + at); }

static long futex(uint32_t *at, int operation, uint32_t value) {
    return syscall(SYS_futex, at, operation, value, NULL, NULL, 0);
}

static void ring(void) {
    __atomic_add_fetch(word(DOORBELL_AT), 1, __ATOMIC_RELEASE);
    futex(word(DOORBELL_AT), FUTEX_WAKE, INT32_MAX);
}

static uint32_t wait_while(uint32_t *state, uint32_t a, uint32_t b) {
    for (;;) {
        uint32_t now = __atomic_load_n(state, __ATOMIC_ACQUIRE);
        if (now != a && now != b) return now;
        futex(state, FUTEX_WAIT, now);
    }
}

static void find_control(void) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "/memfd:midtrace")) control = (char *)strtoul(line, NULL, 16);
    if (maps) fclose(maps);
    if (!control) { fputs("not injected\n", stderr); exit(99); }
}

static uint32_t *claim(void) {
    for (size_t at = REQUESTS_AT;; at += REQUEST_BYTES) {
        uint32_t expected = FREE;
        if (__atomic_compare_exchange_n(word(at), &expected, CLAIMED, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return word(at);
    }
}

static void handle(int signal) {
    if (signal == SIGUSR1) write(2, "handled\n", 8);
}

static void filter(void) {
    const unsigned nr = offsetof(struct seccomp_data, nr), mode = offsetof(struct seccomp_data, args[2]);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, mode),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) exit(94);
}

static void await_closing(void) {
    for (int i = 0; i < 500; i++, usleep(10000))
        if (__atomic_load_n(word(CLOSING_AT), __ATOMIC_ACQUIRE)) {
            puts("closed");
            fflush(stdout);
            _exit(0);
        }
    _exit(95);
}

static void *run(void *unused) {
    (void)unused;
    uint32_t *request = claim();
    request[1] = 1; /* exec */
    request[2] = getpid();
    request[3] = gettid();
    request[4] = 0;
    volatile uint64_t proof = 0x1234567890 ^ (uint64_t)gettid() << 32;
    ((uint64_t *)request)[PROOF_AT / 8] = (uintptr_t)&proof;
    ((uint64_t *)request)[PROOF_AT / 8 + 1] = proof;
    __atomic_store_n(request, POSTED, __ATOMIC_RELEASE);
    ring();
    uint32_t state = wait_while(request, POSTED, TAKEN);
    if (state == REFUSED) fputs("refused\n", stderr);
    if (stopped) raise(SIGSTOP);
    if (signalled) raise(SIGUSR1);
    execv(missing ? "/nothing/here" : program[0], program);
    if (state == READY) {
        __atomic_store_n(request, CANCELLED, __ATOMIC_RELEASE);
        ring();
        wait_while(request, CANCELLED, CANCELLED);
        fputs("cancelled\n", stderr);
    }
    fflush(NULL);
    _exit(5);
}

/* Waits for all children, lets traced ones run on; answers the last one's status. */
static int reap(void) {
    int status, last = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, stopped ? WUNTRACED : 0)) > 0;)
        if (WIFSTOPPED(status) && stopped)
            kill(pid, SIGCONT);
        else if (WIFSTOPPED(status))
            ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
        else
            last = WIFEXITED(status) ? WEXITSTATUS(status) : 96;
    return last;
}

int main(int argc, char **argv) {
    int in_thread = 0, filtered = 0, traced = 0, fan = 0;
    uid_t uid = 0;
    const char *root = NULL;
    find_control();
    for (program = argv + 1; argc > 1; program++) {
        if (strcmp(*program, "thread") == 0) in_thread = 1;
        else if (strcmp(*program, "missing") == 0) missing = 1;
        else if (strcmp(*program, "traced") == 0) fan = traced = 1;
        else if (strcmp(*program, "stopped") == 0) fan = stopped = 1;
        else if (strcmp(*program, "signalled") == 0) signalled = 1;
        else if (strcmp(*program, "filtered") == 0) filtered = 1;
        else if (strcmp(*program, "late") == 0) late = fan = 1;
        else if (strncmp(*program, "fan=", 4) == 0) fan = atoi(*program + 4);
        else if (strncmp(*program, "uid=", 4) == 0) uid = atoi(*program + 4);
        else if (strncmp(*program, "root=", 5) == 0) root = *program + 5;
        else break;
    }
    if (root && (chroot(root) != 0 || chdir("/") != 0)) return 98;
    if (uid && setuid(uid) != 0) return 97;
    int forked = -1;
    for (int i = 0; i < fan && forked != 0; i++) forked = fork();
    if (forked > 0) return late ? 0 : reap();
    if (late) await_closing();
    signal(SIGUSR1, handle);
    if (filtered) filter();
    if (traced) ptrace(PTRACE_TRACEME, 0, 0, 0);
    if (!in_thread) run(NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    for (;;) pause();
}
