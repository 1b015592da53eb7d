// Does to files what can be done, in the working directory, and says what came of it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *what, long result) {
    printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
}

static void show(int fd) {
    char bytes[100];
    ssize_t count = pread(fd, bytes, sizeof bytes, 0);
    printf("  [%.*s]\n", (int)count, bytes);
}

int main(void) {
    struct stat stat;
    char bytes[20];
    int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0644);
    say("write", write(fd, "0123456789", 10));
    say("seek", lseek(fd, -3, SEEK_END));
    say("read", read(fd, bytes, 20));
    say("seek before the start", lseek(fd, -1, SEEK_SET));
    say("pwrite", pwrite(fd, "ab", 2, 4));
    show(fd);
    say("truncate", ftruncate(fd, 6));
    show(fd);
    say("stat", fstat(fd, &stat));
    say("size", (long)stat.st_size);
    say("create again", open("new", O_RDWR | O_CREAT | O_EXCL, 0644));
    say("close", close(fd));
    say("close again", close(fd));
    fd = open("new", O_RDWR | O_APPEND);
    say("seek", lseek(fd, 0, SEEK_SET));
    say("append", write(fd, "end", 3));
    show(fd);
    say("mkdir", mkdir("dir", 0755));
    say("mkdir again", mkdir("dir", 0755));
    say("rename", rename("new", "dir/moved"));
    say("stat old", lstat("new", &stat));
    show(fd);
    say("link", link("dir/moved", "linked"));
    say("symlink", symlink("dir/moved", "symbolic"));
    say("readlink", readlink("symbolic", bytes, 20));
    say("stat through it", stat.st_size >= 0 && fstatat(AT_FDCWD, "symbolic", &stat, 0));
    say("size", (long)stat.st_size);
    say("rmdir full", rmdir("dir"));
    say("rmdir file", rmdir("linked"));
    say("open no directory", open("linked/x", O_RDONLY));
    say("unlink", unlink("symbolic"));
    say("unlink", unlink("dir/moved"));
    say("unlink again", unlink("dir/moved"));
    say("rmdir", rmdir("dir"));
    say("close", close(fd));
    say("read only", (fd = open("linked", O_RDONLY)) >= 0);
    say("write to it", write(fd, "x", 1));
    return 0;
}
