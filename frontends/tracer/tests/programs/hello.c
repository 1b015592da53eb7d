/* Prints what a program can see of its own start. */
#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>

int main(int argc, char **argv) {
    printf("%d arguments, %s, entry known: %d, secure %lu\n", argc, argv[argc - 1],
           getauxval(AT_ENTRY) != 0, getauxval(AT_SECURE));
    char path[256];
    long length = readlink("/proc/self/exe", path, sizeof path);
    printf("%.*s\n", (int)(length > 0 ? length : 0), path);
    return 42;
}
