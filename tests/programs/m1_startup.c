//! arguments, environment and auxiliary vector are where and what the kernel made them
// args: a b c
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include "common.h"
extern char **environ;
extern char _start[], __ehdr_start[];
int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) printf("%s\n", argv[i]);
    for (char **e = environ; *e; e++)
        if (strncmp(*e, "PATH=", 5)) printf("%s\n", *e);
    long *words = (long *)argv;
    CHECK(words[-1] == argc, "argc lies below argv");
    CHECK(argv[argc] == NULL && (char **)&argv[argc + 1] == environ, "the environment follows the arguments");
    char **end = environ;
    while (*end) end++;
    ElfW(auxv_t) *aux = (void *)(end + 1);
    int seen[64] = {0};
    for (; aux->a_type != AT_NULL; aux++) {
        printf("aux %ld\n", (long)aux->a_type);
        if (aux->a_type < 64) seen[aux->a_type] = 1;
    }
    CHECK(seen[AT_RANDOM] && seen[AT_PHDR] && seen[AT_ENTRY] && seen[AT_SYSINFO_EHDR], "entries are missing");
    CHECK(getauxval(AT_ENTRY) == (unsigned long)_start, "AT_ENTRY");
    CHECK(getauxval(AT_PHDR) == (unsigned long)__ehdr_start + ((ElfW(Ehdr) *)__ehdr_start)->e_phoff, "AT_PHDR");
    CHECK(!strcmp((char *)getauxval(AT_EXECFN), argv[0]), "AT_EXECFN is %s", (char *)getauxval(AT_EXECFN));
    CHECK(getauxval(AT_PAGESZ) == 4096, "AT_PAGESZ");
    printf("base %s, secure %lu, flags %lu\n", getauxval(AT_BASE) ? "there" : "none", getauxval(AT_SECURE), getauxval(AT_FLAGS));
    CHECK((char *)argv < (char *)getauxval(AT_RANDOM), "random bytes lie above the vector");
    return verdict();
}
