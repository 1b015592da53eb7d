//! signal frames hold states of the program: `record FILE` notes some under a timer, `check FILE` steps natively and looks for them
// flags: -O1
#include <sys/time.h>
#include "random_code.h"

enum { PROGRAMS = 40, RUNS = 40, SAMPLES = 1500 };
struct sample {
    uint32_t program, run;
    uint64_t rip, rsp, flags, r[16], xmm[16];
};
static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
static struct sample samples[SAMPLES];
static volatile int count;
static struct program *current;
static volatile uint32_t program, turn;
static volatile int active;

// What a frame says, with addresses relative to the program's; 0 when it is not in the program.
static int take(struct sample *s, const ucontext_t *context) {
    const greg_t *r = context->uc_mcontext.gregs;
    struct program *p = current;
    uint8_t *rip = (uint8_t *)r[REG_RIP];
    if (!active || rip < p->blocks[0][0] || rip >= p->at) return 0;
    memset(s, 0, sizeof *s);
    s->program = program;
    s->run = turn;
    s->rip = rip - p->code;
    s->rsp = r[REG_RSP] - *(uint64_t *)(p->memory + ENTRY_RSP);
    s->flags = r[REG_EFL] & 0xcd5;
    for (int i = 0; i < 16; i++) {
        uint64_t value = r[order[i]], inside = value - (uint64_t)p->code;
        s->r[i] = i == 4 ? 0 : inside < 0x12000 ? inside : value;
    }
    memcpy(s->xmm, context->uc_mcontext.fpregs->_xmm, sizeof s->xmm);
    return 1;
}
static void on_tick(int signal, siginfo_t *info, void *context) {
    if (count < SAMPLES && take(&samples[count], context)) count++;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm5\n movdqa %%xmm0, %%xmm7" ::: "xmm0", "xmm5", "xmm7");
}
static int record(const char *path) {
    handle(SIGALRM, on_tick, SA_RESTART);
    struct itimerval timer = {{0, 120}, {0, 120}}, off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    current = malloc(sizeof *current);
    static uint8_t start[DATA];
    for (int again = 0; again < 25 && count < SAMPLES; again++)
        for (program = 0; program < PROGRAMS; program++) {
            make(current, 50000 + program);
            for (turn = 0; turn < RUNS; turn++) {
                prepare(current, turn, 0);
                memcpy(start, current->memory, DATA);
                for (int repeat = 0; repeat < 200; repeat++) {
                    memcpy(current->memory, start, DATA);
                    active = 1;
                    execute(current);
                    active = 0;
                }
            }
            munmap(current->code, 0x12000);
        }
    setitimer(ITIMER_REAL, &off, NULL);
    FILE *file = fopen(path, "w");
    fwrite(samples, sizeof *samples, count, file);
    return fclose(file);
}

// The samples of the run that is being stepped, and whether each was found.
static int first, last;
static char found[SAMPLES];
// The state at the same instruction that differs from the sample in fewest words.
static struct sample nearest[SAMPLES];
static int distance(const struct sample *a, const struct sample *b) {
    int words = 0;
    for (size_t n = 0; n < sizeof *a / 8; n++) words += ((uint64_t *)a)[n] != ((uint64_t *)b)[n];
    return words;
}
static void explain(const struct sample *seen, const struct sample *right) {
    static const char *const names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};
    FAIL("program %u run %u at +%#lx: %s", seen->program, seen->run, seen->rip, right->rip ? "" : "this instruction is never executed");
    if (!right->rip) return;
    if (seen->rsp != right->rsp) printf("  rsp %ld, not %ld\n", (long)seen->rsp, (long)right->rsp);
    if (seen->flags != right->flags) printf("  flags %#lx, not %#lx\n", seen->flags, right->flags);
    for (int n = 0; n < 16; n++)
        if (seen->r[n] != right->r[n]) printf("  %s %#lx, not %#lx\n", names[n], seen->r[n], right->r[n]);
    for (int n = 0; n < 16; n++)
        if (seen->xmm[n] != right->xmm[n]) printf("  xmm%d half %d: %#lx, not %#lx\n", n / 2, n % 2, seen->xmm[n], right->xmm[n]);
}
static uint8_t *before;
static void on_step(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct sample here;
    // A step over pushf leaves the flag in what was pushed.
    if (before && *before == 0x9c) *(uint64_t *)r[REG_RSP] &= ~0x100ul;
    before = (uint8_t *)r[REG_RIP];
    if (!take(&here, context)) return;
    for (int n = first; n < last; n++) {
        if (found[n] || here.rip != samples[n].rip) continue;
        found[n] = !memcmp(&here, &samples[n], sizeof here);
        if (!nearest[n].rip || distance(&here, &samples[n]) < distance(&nearest[n], &samples[n])) nearest[n] = here;
    }
}
static int by_run(const void *a, const void *b) {
    const struct sample *x = a, *y = b;
    return x->program != y->program ? (int)x->program - (int)y->program : (int)x->run - (int)y->run;
}
static int check(const char *path) {
    FILE *file = fopen(path, "r");
    count = fread(samples, sizeof *samples, SAMPLES, file);
    fclose(file);
    qsort(samples, count, sizeof *samples, by_run);
    handle(SIGTRAP, on_step, 0);
    current = malloc(sizeof *current);
    for (first = 0; first < count; first = last) {
        for (last = first; last < count && !by_run(&samples[first], &samples[last]);) last++;
        program = samples[first].program;
        turn = samples[first].run;
        make(current, 50000 + program);
        before = NULL;
        prepare(current, turn, 0x100);
        active = 1;
        execute(current);
        active = 0;
        munmap(current->code, 0x12000);
    }
    for (int n = 0; n < count; n++)
        if (!found[n]) explain(&samples[n], &nearest[n]);
    printf("%s\n", count > 100 ? "enough states" : "too few states");
    fprintf(stderr, "%d states\n", count);
    return verdict();
}
int main(int argc, char **argv) {
    if (argc != 3) return 2;
    return strcmp(argv[1], "record") ? check(argv[2]) : record(argv[2]);
}
