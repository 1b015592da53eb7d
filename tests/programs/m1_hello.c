//! the C library starts, prints and ends
// args:
// args: one two three
#include <stdio.h>
int main(int argc, char **argv) {
    printf("hello from %d arguments\n", argc - 1);
    for (int i = 1; i < argc; i++) printf("%d: %s\n", i, argv[i]);
    fprintf(stderr, "and on stderr\n");
    return argc;
}
