// Sorts the lines it reads into a file and to its output: sort FILE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(int argc, char **argv) {
    char **lines = NULL, line[4096];
    size_t count = 0, room = 0;
    while (fgets(line, sizeof line, stdin)) {
        if (count == room)
            lines = realloc(lines, (room = room * 2 + 16) * sizeof *lines);
        lines[count++] = strdup(line);
    }
    qsort(lines, count, sizeof *lines, compare);
    FILE *out = argc > 1 ? fopen(argv[1], "w") : NULL;
    for (size_t i = 0; i < count; i++) {
        fputs(lines[i], stdout);
        if (out)
            fputs(lines[i], out);
    }
    if (out && fclose(out))
        return 2;
    return argc > 1 && !out;
}
