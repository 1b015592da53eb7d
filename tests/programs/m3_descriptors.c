//! the program finds only its own descriptors and children, and the lowest free descriptor is the lowest free
// flags: -pthread
#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>
#include "common.h"
static void list(const char *what) {
    DIR *directory = opendir("/proc/self/fd");
    printf("%s:", what);
    for (struct dirent *e; (e = readdir(directory));)
        if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(directory)) printf(" %s", e->d_name);
    printf("\n");
    closedir(directory);
}
static void *nothing(void *unused) { return unused; }
static void children(const char *what) {
    int status;
    pid_t found = waitpid(-1, &status, WNOHANG | __WALL);
    CHECK(found == -1 && errno == ECHILD, "%s: a child that is not ours", what);
}
int main(void) {
    list("at the start");
    children("at the start");
    printf("lowest %d\n", open("/dev/null", O_RDONLY));
    pthread_t thread;
    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
    list("after a thread");
    fflush(stdout);
    pid_t child = MUST(fork());
    if (!child) {
        list("in a child");
        children("in a child");
        printf("lowest %d\n", open("/dev/null", O_RDONLY));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    child = MUST(vfork());
    if (!child) execl("/bin/sh", "sh", "-c", "for f in /proc/$$/fd/*; do printf '%s ' ${f##*/}; done; echo", NULL);
    waitpid(child, NULL, 0);
    children("after exec");
    struct rlimit limit = {8, 8};
    setrlimit(RLIMIT_NOFILE, &limit);
    int last = -1, file;
    while ((file = open("/dev/null", O_RDONLY)) >= 0) last = file;
    printf("at most %d: %s\n", last, strerror(errno));
    child = MUST(fork());
    if (!child) _exit(grind(3, 1000) & 7);
    int status;
    waitpid(child, &status, 0);
    print_status("with no descriptor left", status);
    return verdict();
}
