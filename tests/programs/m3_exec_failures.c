//! a failed exec says why and leaves everything as it was, threads included
// flags: -pthread
#include <pthread.h>
#include <sys/stat.h>
#include "common.h"
static volatile long turns;
static volatile int stop;
static void *spin(void *unused) { while (!stop) turns++; return unused; }
static void try_(const char *what, const char *path, char **argv) {
    char **none = {NULL};
    execve(path, argv, none);
    printf("%s: %s\n", what, strerror(errno));
}
static void make(const char *path, const char *text, int mode) {
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    MUST(write(file, text, strlen(text)));
    MUST(fchmod(file, mode));
    close(file);
}
int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    char *words[] = {"x", NULL};
    make("text", "no program\n", 0755);
    make("plain", "#!/bin/sh\n", 0644);
    make("bad-interpreter", "#!/nowhere/interpreter\n", 0755);
    make("elf", "\177ELF rubbish", 0755);
    make("short", "\177EL", 0755);
    make("elf32", "\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\3\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0755);
    for (int n = 0; n < 20; n++) {
        try_("missing", "/nowhere/nothing", words);
        try_("directory", "/tmp", words);
        try_("text", "./text", words);
        try_("not executable", "./plain", words);
        try_("bad interpreter", "./bad-interpreter", words);
        try_("rubbish", "./elf", words);
        try_("short", "./short", words);
        try_("empty path", "", words);
        try_("bad path address", (char *)8, words);
        try_("bad argument address", "/bin/true", (char **)8);
        try_("device", "/dev/null", words);
        char *big = malloc(200000);
        memset(big, 'x', 199999);
        big[199999] = 0;
        try_("too long", "/bin/true", (char *[]){"x", big, NULL});
        free(big);
    }
    long before = turns;
    while (turns == before) usleep(1000);
    stop = 1;
    CHECK(pthread_join(thread, NULL) == 0, "the thread is gone");
    return verdict();
}
