// Shows its arguments and environment, sleeps, and ends with the status it is told: process STATUS ARGS...
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
    struct timespec before, after, span = {0, 30 * 1000 * 1000};
    for (int i = 1; i < argc; i++)
        printf("argument %s\n", argv[i]);
    for (char **variable = environ; *variable; variable++)
        printf("variable %s\n", *variable);
    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&span, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    double slept = (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    printf("slept %s, terminal %d\n", slept >= 0.03 ? "enough" : "too little", isatty(1));
    printf("this century %d\n", time(NULL) > 946684800);
    fflush(stdout);
    fprintf(stderr, "to the other stream\n");
    exit(argc > 1 ? atoi(argv[1]) : 0);
}
