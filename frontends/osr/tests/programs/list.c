// Lists directories with all below them: list DIRECTORY...
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path) {
    char *names[1000], below[4096], target[256];
    int count = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) && count < 1000;)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            names[count++] = strdup(entry->d_name);
    closedir(dir);
    qsort(names, (size_t)count, sizeof *names, compare);
    for (int i = 0; i < count; i++) {
        struct stat stat;
        snprintf(below, sizeof below, "%s/%s", path, names[i]);
        if (lstat(below, &stat)) {
            perror(below);
        } else if (S_ISDIR(stat.st_mode)) {
            printf("%s/\n", below);
            list(below);
        } else if (S_ISLNK(stat.st_mode)) {
            ssize_t bytes = readlink(below, target, sizeof target);
            printf("%s -> %.*s\n", below, (int)bytes, target);
        } else {
            printf("%s %lld, %d names\n", below, (long long)stat.st_size, (int)stat.st_nlink);
        }
        free(names[i]);
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        list(argv[i]);
    return 0;
}
