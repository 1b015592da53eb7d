//! AVX-512 code with masks, gathers, compressions and broadcasts between calls through pointers
// needs: avx512f avx512bw avx512vl avx512dq
// flags: -O2 -mavx512f -mavx512bw -mavx512vl -mavx512dq
#include <immintrin.h>
#include "common.h"
#define N 1024
static uint32_t data[N], out[N + 32];
static __attribute__((noinline)) __m512i rotate(__m512i v) { return _mm512_rol_epi32(v, 7); }
static __attribute__((noinline)) __m512i square(__m512i v) { return _mm512_mullo_epi32(v, v); }
static __attribute__((noinline)) __m512i scramble(__m512i v) { return _mm512_xor_si512(v, _mm512_srli_epi32(v, 9)); }
static __m512i (*const volatile steps[3])(__m512i) = {rotate, square, scramble};
int main(void) {
    uint64_t seed = 1, hash = 0;
    for (int i = 0; i < N; i++) data[i] = next_random(&seed);
    __m512i carried = _mm512_set1_epi32(1);
    for (int round = 0; round < 200; round++) {
        unsigned filled = 0;
        for (int i = 0; i + 16 <= N; i += 16) {
            __m512i v = _mm512_loadu_si512(data + i);
            __mmask16 odd = _mm512_test_epi32_mask(v, _mm512_set1_epi32(1));
            v = _mm512_mask_add_epi32(v, odd, v, carried);
            v = steps[(i / 16 + round) % 3](v);
            __m512i index = _mm512_and_si512(v, _mm512_set1_epi32(N - 1));
            v = _mm512_mask_i32gather_epi32(v, (__mmask16)~odd, index, data, 4);
            _mm512_mask_compressstoreu_epi32(out + filled, odd, v);
            filled += __builtin_popcount(odd);
            carried = _mm512_ternarylogic_epi32(carried, v, index, 0x96);
            _mm512_storeu_si512(data + i, v);
        }
        hash = mix(hash, filled);
        hash = mix_bytes(hash, out, filled * 4);
    }
    hash = mix_bytes(hash, data, sizeof data);
    printf("%016lx\n", hash);
    return verdict();
}
