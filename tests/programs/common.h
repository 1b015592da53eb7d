// What every program shares: checks that print what failed, and a checksum.
#ifndef COMMON_H
#define COMMON_H
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static int failures;

#define FAIL(...)                                    \
    do {                                             \
        if (__sync_fetch_and_add(&failures, 1) < 20) { \
            printf("FAIL line %d: ", __LINE__);      \
            printf(__VA_ARGS__);                     \
            printf("\n");                            \
        }                                            \
    } while (0)

#define CHECK(condition, ...)             \
    do {                                  \
        if (!(condition)) FAIL(__VA_ARGS__); \
    } while (0)

// For calls that must succeed for the test to mean anything.
#define MUST(call)                                                      \
    ({                                                                  \
        long long must_ = (long long)(call);                            \
        if (must_ == -1) {                                              \
            printf("FAIL line %d: %s: %s\n", __LINE__, #call, strerror(errno)); \
            exit(99);                                                   \
        }                                                               \
        must_;                                                          \
    })

static inline uint64_t mix(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    hash *= 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 33);
}

static inline uint64_t mix_bytes(uint64_t hash, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) hash = mix(hash, ((const unsigned char *)bytes)[i]);
    return hash;
}

static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int verdict(void) {
    printf("%s\n", failures ? "FAIL" : "PASS");
    fflush(stdout);
    return failures != 0;
}

// The wait status in words, without anything that changes from run to run.
static inline void print_status(const char *what, int status) {
    if (WIFEXITED(status)) printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) printf("%s: signal %d%s\n", what, WTERMSIG(status), WCOREDUMP(status) ? " core" : "");
    else if (WIFSTOPPED(status)) printf("%s: stopped by %d\n", what, WSTOPSIG(status));
    else if (WIFCONTINUED(status)) printf("%s: continued\n", what);
    else printf("%s: status %#x\n", what, status);
}

static inline void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {0};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    MUST(sigaction(signal, &action, NULL));
}

// Some work whose result depends on every step of it.
static __attribute__((noinline)) uint64_t grind(uint64_t seed, long rounds) {
    uint64_t hash = seed | 1;
    for (long i = 0; i < rounds; i++) {
        if (hash & 8) hash = hash * 6364136223846793005u + 1442695040888963407u;
        else hash ^= hash >> 29 ^ (uint64_t)i << 7;
        __asm__ volatile("" : "+r"(hash));
    }
    return hash;
}
#endif
