//! posix_spawn with file actions and attributes, system(), popen(), and their failures
#include <spawn.h>
#include "common.h"
extern char **environ;
static void run(const char *what, const char *path, char **argv, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes) {
    pid_t child = 0;
    fflush(stdout);
    int error = posix_spawn(&child, path, actions, attributes, argv, environ);
    if (error) { printf("%s: %s\n", what, strerror(error)); return; }
    int status;
    CHECK(waitpid(child, &status, 0) == child, "waitpid");
    print_status(what, status);
}
int main(int argc, char **argv) {
    if (argc > 1) {
        char line[64] = "nothing";
        if (fgets(line, sizeof line, stdin)) line[strcspn(line, "\n")] = 0;
        sigset_t blocked;
        sigprocmask(0, NULL, &blocked);
        printf("child %s: stdin %s, usr1 blocked %d\n", argv[1], line, sigismember(&blocked, SIGUSR1));
        return 4;
    }
    char *words[] = {"again", "one", NULL};
    run("plain", "/proc/self/exe", words, NULL, NULL);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    int file = open("input", O_CREAT | O_RDWR, 0600);
    MUST(write(file, "a line\n", 7));
    close(file);
    posix_spawn_file_actions_addopen(&actions, 0, "input", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "output", O_CREAT | O_WRONLY, 0600);
    run("redirected", "/proc/self/exe", words, &actions, NULL);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    posix_spawnattr_setsigmask(&attributes, &set);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    run("attributes", "/proc/self/exe", words, NULL, &attributes);
    run("missing", "/nowhere", words, NULL, NULL);
    run("a directory", "/tmp", words, NULL, NULL);
    run("not a program", "input", words, NULL, NULL);
    posix_spawn_file_actions_addopen(&actions, 3, "/no/such/file", O_RDONLY, 0);
    run("bad action", "/proc/self/exe", words, &actions, NULL);
    fflush(stdout);
    print_status("system", system("echo from a shell; exit 9"));
    print_status("system missing", system("no-such-command-at-all 2>/dev/null"));
    FILE *pipe = popen("printf 'x%dy\\n' 1 2 3", "r");
    char line[64];
    while (fgets(line, sizeof line, pipe)) printf("piped %s", line);
    print_status("pclose", pclose(pipe));
    for (int n = 0; n < 60; n++) {
        pid_t child;
        CHECK(posix_spawnp(&child, "true", NULL, NULL, (char *[]){"true", NULL}, environ) == 0, "spawn %d", n);
        waitpid(child, NULL, 0);
    }
    return verdict();
}
