//! the clock, time of day and processor number come from the vdso as natively
#include <sched.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include "common.h"
int main(void) {
    struct timespec last = {0}, now;
    for (int n = 0; n < 20000; n++) {
        CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0, "clock_gettime");
        CHECK(now.tv_sec > last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec), "the clock went back");
        last = now;
    }
    struct timeval tv;
    gettimeofday(&tv, NULL);
    CHECK(tv.tv_sec - time(NULL) <= 1 && time(NULL) - tv.tv_sec <= 1, "gettimeofday");
    CHECK(sched_getcpu() >= 0, "sched_getcpu");
    CHECK(clock_gettime(99, &now) == -1 && errno == EINVAL, "a bad clock");
    CHECK(getauxval(AT_SYSINFO_EHDR) != 0, "no vdso");
    struct timespec cpu;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0 && cpu.tv_sec < 60, "cpu time");
    return verdict();
}
