//! standard input is read to its end; output of every size arrives whole and in order
// stdin: a line for the program to read
#include <sys/stat.h>
#include "common.h"
int main(void) {
    char line[256];
    size_t total = 0;
    while (fgets(line, sizeof line, stdin)) { printf("read: %s", line); total += strlen(line); }
    printf("%zu bytes\n", total);
    for (int i = 0; i < 20000; i++) printf("%d %x %s\n", i, i * 7919, i & 1 ? "odd" : "even");
    fflush(stdout);
    CHECK(write(1, "raw\n", 4) == 4, "write");
    CHECK(write(2, "to stderr\n", 10) == 10, "write");
    FILE *file = fopen("written", "w");
    for (int i = 0; i < 1000; i++) fprintf(file, "line %d\n", i);
    fclose(file);
    CHECK(mkdirat(AT_FDCWD, "directory", 0750) == 0, "mkdir");
    CHECK(symlink("written", "link") == 0, "symlink");
    return verdict();
}
