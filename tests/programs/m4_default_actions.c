//! what every signal does by default: ends, with core or without, stops, is ignored, as the parent sees it
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "common.h"
int main(void) {
    int core, ends[2];
    // Cores are written where they are removed again; with a limit of zero none is.
    MUST(mkdir("cores", 0700));
    MUST(chdir("cores"));
    for (core = 0; core < 2; core++) {
        struct rlimit limit = {core ? RLIM_INFINITY : 0, RLIM_INFINITY};
        if (setrlimit(RLIMIT_CORE, &limit)) printf("no core limit can be set: %s\n", strerror(errno));
        for (int signal = 1; signal < 65; signal++) {
            if (signal == 32 || signal == 33 || (signal > 36 && signal < 63)) continue;
            fflush(stdout);
            MUST(pipe(ends));
            pid_t child = MUST(fork());
            if (!child) {
                char byte;
                sigset_t none;
                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                struct sigaction action = {0};
                sigaction(signal, &action, NULL);
                kill(getpid(), signal);
                // Not before the parent has seen it continue.
                close(ends[1]);
                _exit(read(ends[0], &byte, 1) + 7);
            }
            int status;
            char what[32];
            if (signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT) close(ends[1]), ends[1] = -1;
            waitpid(child, &status, WUNTRACED);
            sprintf(what, "%d", signal);
            print_status(what, status);
            if (WIFSTOPPED(status)) {
                kill(child, SIGCONT);
                waitpid(child, &status, WCONTINUED);
                print_status(what, status);
                close(ends[1]);
                waitpid(child, &status, 0);
                print_status(what, status);
            } else {
                close(ends[1]);
            }
            close(ends[0]);
        }
        // Faults, not sent signals.
        for (int kind = 0; kind < 4; kind++) {
            pid_t child = MUST(fork());
            if (!child) {
                if (kind == 0) *(volatile int *)0 = 1;
                if (kind == 1) __asm__ volatile("ud2");
                if (kind == 2) __asm__ volatile("int3");
                if (kind == 3) prctl(PR_SET_DUMPABLE, 0), abort();
                _exit(7);
            }
            int status;
            waitpid(child, &status, 0);
            print_status("fault", status);
        }
    }
    MUST(chdir(".."));
    return system("rm -rf cores") | verdict();
}
