/* Prints what a program inherits: signal dispositions and mask, limits, descriptors, umask, children. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) count += entry->d_name[0] != '.';
    closedir(dir);
    printf("descriptors %d, next %d\n", count, dup(1));
}

static void status_lines(void) {
    static const char *const wanted[] = {"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "TracerPid",
                                         "Seccomp", "NoNewPrivs", "Threads", "CapEff"};
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0) fputs(line, stdout);
    fclose(file);
}

int main(void) {
    status_lines();
    descriptors();
    for (int i = 0; i < 16; i++) {
        struct rlimit limit;
        if (getrlimit(i, &limit) == 0) printf("limit %d %lu %lu\n", i, limit.rlim_cur, limit.rlim_max);
    }
    printf("umask %o, nice %d, death signal ", umask(0), getpriority(PRIO_PROCESS, 0));
    int death = -1;
    prctl(PR_GET_PDEATHSIG, &death);
    printf("%d, dumpable %d\n", death, prctl(PR_GET_DUMPABLE));
    printf("children: %s\n", wait(NULL) == -1 && errno == ECHILD ? "none" : "some");
    return 0;
}
