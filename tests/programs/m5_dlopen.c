//! dlopen, run, dlclose, over and over, with different libraries that land at the same address
// link: dynamic
// limit: 90
// flags: -ldl
// limit: 120
#include <dlfcn.h>
#include "common.h"
static int build(int n) {
    char command[600];
    FILE *source = fopen("lib.c", "w");
    fprintf(source, "static int state = %d;\n__attribute__((constructor)) static void up(void) { state += 5; }\n"
                    "int value(int x) { int h = x; for (int i = 0; i < %d; i++) h = h * %d + state; return h; }\n"
                    "int (*pointer(void))(int) { return value; }\n", n, n + 3, 2 * n + 3);
    fclose(source);
    snprintf(command, sizeof command, "gcc -O1 -shared -fPIC -o lib%d.so lib.c", n);
    return system(command);
}
static int expected(int n, int x) {
    int h = x, state = n + 5;
    for (int i = 0; i < n + 3; i++) h = h * (2 * n + 3) + state;
    return h;
}
int main(void) {
    void *last = NULL;
    int same = 0;
    for (int n = 0; n < 3; n++) CHECK(build(n) == 0, "build");
    for (int round = 0; round < 200; round++) {
        char path[64];
        sprintf(path, "./lib%d.so", round % 3);
        void *library = dlopen(path, round & 1 ? RTLD_NOW : RTLD_LAZY);
        CHECK(library, "%s", dlerror());
        if (!library) break;
        int (*value)(int) = dlsym(library, "value");
        int (*(*pointer)(void))(int) = dlsym(library, "pointer");
        for (int x = 0; x < 50; x++) CHECK(value(x) == expected(round % 3, x) && pointer()(x) == value(x), "round %d", round);
        same += (void *)value == last;
        last = value;
        dlclose(library);
    }
    CHECK(same > 100, "the same address only %d times", same);
    return verdict() | system("rm -f lib.c lib*.so");
}
