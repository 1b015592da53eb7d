//! /proc/self/exe, cmdline, comm, environ, stat, task and children are the program's
#include "common.h"
static void show(const char *path) {
    char text[4096];
    int file = open(path, O_RDONLY);
    ssize_t bytes = file < 0 ? -1 : read(file, text, sizeof text - 1);
    close(file);
    for (ssize_t i = 0; i < bytes; i++) if (!text[i]) text[i] = ' ';
    printf("%s: %.*s\n", path, (int)(bytes > 0 ? bytes : 0), text);
}
int main(int argc, char **argv) {
    char exe[4096] = "", *name, path[64];
    ssize_t bytes = readlink("/proc/self/exe", exe, sizeof exe - 1);
    CHECK(bytes > 0, "readlink");
    name = strrchr(exe, '/');
    printf("exe %s\n", name);
    CHECK(!strcmp(exe, argv[0]), "exe is %s, argv[0] %s", exe, argv[0]);
    show("/proc/self/comm");
    show("/proc/thread-self/comm");
    char text[4096];
    int file = open("/proc/self/cmdline", O_RDONLY);
    bytes = read(file, text, sizeof text);
    CHECK(bytes == (ssize_t)strlen(argv[0]) + 1 && !strcmp(text, argv[0]), "cmdline");
    CHECK(access("/proc/self/task", F_OK) == 0, "task");
    sprintf(path, "/proc/self/task/%d/children", getpid());
    FILE *children = fopen(path, "r");
    CHECK(children && fgetc(children) == EOF, "there is a child that is not ours");
    FILE *stat = fopen("/proc/self/stat", "r");
    int pid, parent, group, session, tty, foreground;
    char comm[64], state;
    CHECK(fscanf(stat, "%d (%63[^)]) %c %d %d %d %d %d", &pid, comm, &state, &parent, &group, &session, &tty, &foreground) == 8, "stat");
    CHECK(pid == getpid() && parent == getppid() && group == getpgrp() && session == getsid(0), "stat's numbers");
    printf("%s %c\n", comm, state);
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    while (fgets(line, sizeof line, status))
        if (!strncmp(line, "Threads", 7) || !strncmp(line, "TracerPid", 9) || !strncmp(line, "SigBlk", 6) || !strncmp(line, "Seccomp:", 8) ||
            !strncmp(line, "NoNewPrivs", 10) || !strncmp(line, "SigIgn", 6) || !strncmp(line, "CoreDumping", 11))
            printf("%s", line);
    return verdict();
}
