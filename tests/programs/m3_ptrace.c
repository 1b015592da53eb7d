//! the program traces a child of its own: traceme, stops, registers of a raw stop, memory, exit
#include <sys/ptrace.h>
#include <sys/user.h>
#include "common.h"
static volatile int word = 5;
int main(void) {
    fflush(stdout);
    pid_t child = MUST(fork());
    if (!child) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) _exit(90);
        raise(SIGSTOP);
        raise(SIGUSR1);
        _exit(word);
    }
    int status;
    waitpid(child, &status, 0);
    print_status("first", status);
    long peeked = ptrace(PTRACE_PEEKDATA, child, &word, 0);
    printf("peek %d\n", (int)peeked);
    ptrace(PTRACE_POKEDATA, child, &word, (peeked & ~0xffffffffl) | 42);
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
    print_status("second", status);
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
    print_status("end", status);
    return verdict();
}
