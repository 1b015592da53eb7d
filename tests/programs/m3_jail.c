//! a program executed where it finds no /proc: in a root directory of its own, and behind a landlock domain
#include <linux/landlock.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include "common.h"
// Names, so that old headers do.
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
static char *const again[] = {"again", "there", NULL};
static int in_new_root(int self) {
    if (chroot("root") && (unshare(CLONE_NEWUSER) || chroot("root"))) return 2;
    if (chdir("/")) return 3;
    syscall(SYS_execveat, self, "", again, environ, 0x1000);
    return 10 + errno;  // a dynamic program has no loader there
}
static int behind_landlock(int self) {
    static const char *const allowed[] = {"/usr", "/lib", "/lib64", "/bin", "/etc"};
    struct landlock_ruleset_attr files = {LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR};
    int rules = syscall(CREATE_RULESET, &files, sizeof files, 0);
    if (rules < 0) return 4;
    for (int n = 0; n < 5; n++) {
        struct landlock_path_beneath_attr beneath = {LANDLOCK_ACCESS_FS_READ_FILE, open(allowed[n], O_PATH | O_CLOEXEC)};
        syscall(ADD_RULE, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(RESTRICT_SELF, rules, 0)) return 5;
    syscall(SYS_execveat, self, "", again, environ, 0x1000);
    return 10 + errno;
}
static void report(const char *where, int (*enter)(int), int self) {
    fflush(stdout);
    pid_t child = MUST(fork());
    if (!child) _exit(enter(self));
    int status = 0;
    MUST(waitpid(child, &status, 0));
    printf("%s: %x\n", where, status);
}
// Threads of code, a fault handled, a child: the program goes on as any other.
static void on_fault(int signal) { _exit(6); }
static int there(void) {
    int status = 0;
    printf("maps: %d\n", open("/proc/self/maps", O_RDONLY) >= 0);
    fflush(stdout);
    if (!fork()) {
        signal(SIGSEGV, on_fault);
        *(volatile int *)8 = 1;
    }
    wait(&status);
    printf("child: %x\n", status);
    return 7;
}
int main(int argc, char **argv) {
    if (argc > 1) return there();
    int self = MUST(open("/proc/self/exe", O_PATH | O_CLOEXEC));
    MUST(mkdir("root", 0755));
    report("new root", in_new_root, self);
    report("landlock", behind_landlock, self);
    rmdir("root");
    return verdict();
}
