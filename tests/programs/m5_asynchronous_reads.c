//! code that the kernel reads into place by itself: Linux AIO and io_uring
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include "jit.h"
enum { ROUNDS = 60, URING_SETUP = 425, URING_ENTER = 426 };
static uint8_t *code;
static int file;
static void next(uint32_t value) {
    uint8_t bytes[16];
    MUST(pwrite(file, bytes, jit_constant(bytes, value), 0));
}
static void expect(uint32_t value, const char *who, long read) {
    for (int n = 0; n < 3; n++) {
        uint32_t got = read == 6 ? (uint32_t)((code_fn)code)(0) : 0;
        CHECK(got == value, "%s: read %ld, got %u instead of %u", who, read, got, value);
    }
}
static void by_aio(void) {
    aio_context_t context = 0;
    if (syscall(SYS_io_setup, 8, &context)) return (void)printf("no AIO: %s\n", strerror(errno));
    for (uint32_t n = 0; n < ROUNDS; n++) {
        struct iocb read = {.aio_fildes = file, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)code, .aio_nbytes = 6};
        struct iocb *reads[] = {&read};
        struct io_event event = {0};
        next(n);
        MUST(syscall(SYS_io_submit, context, 1, reads));
        MUST(syscall(SYS_io_getevents, context, 1, 1, &event, NULL));
        expect(n, "AIO", event.res);
    }
}
static void by_uring(void) {
    struct io_uring_params params = {0};
    int ring = syscall(URING_SETUP, 4, &params);
    if (ring < 0) return (void)printf("no io_uring: %s\n", strerror(errno));
    uint8_t *sq = mmap(NULL, 8192, RW, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    uint8_t *cq = mmap(NULL, 8192, RW, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    struct io_uring_sqe *sqes = mmap(NULL, 4096, RW, MAP_SHARED, ring, IORING_OFF_SQES);
    for (uint32_t n = 0; n < ROUNDS; n++) {
        uint32_t *tail = (uint32_t *)(sq + params.sq_off.tail), slot = *tail & (params.sq_entries - 1);
        next(1000 + n);
        sqes[slot] = (struct io_uring_sqe){.opcode = IORING_OP_READ, .fd = file, .addr = (uintptr_t)code, .len = 6};
        ((uint32_t *)(sq + params.sq_off.array))[slot] = slot;
        __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
        MUST(syscall(URING_ENTER, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
        uint32_t *head = (uint32_t *)(cq + params.cq_off.head);
        struct io_uring_cqe *done = (struct io_uring_cqe *)(cq + params.cq_off.cqes) + (*head & (params.cq_entries - 1));
        expect(1000 + n, "io_uring", done->res);
        __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    }
}
int main(void) {
    file = MUST(open("code", O_CREAT | O_RDWR | O_TRUNC, 0700));
    code = mmap(NULL, 4096, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    jit_constant(code, 5);
    expect(5, "before", 6);
    by_aio();
    by_uring();
    unlink("code");
    return verdict();
}
