//! an exec with a megabyte of arguments and environment arrives whole
#include "common.h"
int main(int argc, char **argv) {
    extern char **environ;
    uint64_t hash = 0;
    if (argc > 1000) {
        for (int n = 1; n < argc; n++) hash = mix_bytes(hash, argv[n], strlen(argv[n]));
        int count = 0;
        for (char **e = environ; *e; e++, count++) hash = mix_bytes(hash, *e, strlen(*e));
        printf("%d arguments, %d variables, %016lx\n", argc, count, hash);
        return 0;
    }
    static char *words[6002], *variables[3002], text[9000][100];
    for (int n = 0; n < 9000; n++) {
        memset(text[n], 'a' + n % 26, 60 + n % 39);
        memcpy(text[n], "N=", 2);
        if (n < 6000) words[n + 1] = text[n];
        else variables[n - 6000] = text[n];
    }
    words[0] = "big";
    words[6001] = NULL;
    execve("/proc/self/exe", words, variables);
    perror("execve");
    return 99;
}
