// Copies files, or what it reads, to its output: cat [FILE...]
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int copy(int fd) {
    char bytes[10000];
    ssize_t count;
    while ((count = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t done = 0; done < count;) {
            ssize_t written = write(1, bytes + done, (size_t)(count - done));
            if (written < 0)
                return 1;
            done += written;
        }
    return count < 0;
}

int main(int argc, char **argv) {
    int failed = argc < 2 ? copy(0) : 0;
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        if (fd < 0) {
            perror(argv[i]);
            failed = 1;
            continue;
        }
        failed |= copy(fd);
        close(fd);
    }
    return failed;
}
