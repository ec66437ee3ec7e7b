// curand's device API: the generators XORWOW (the default), Philox4x32-10 and MRG32k3a, with NVIDIA's seeding, so that a
// kernel draws the same numbers as on a GPU. (Normal numbers differ in their last bits: a GPU's logarithm, sine and cosine
// are others.)
//
// XORWOW is by Marsaglia (2003), Philox by Salmon et al. (2011), MRG32k3a by L'Ecuyer (1999). XORWOW without its counter
// is linear over bits, and MRG32k3a over remainders, so that n steps are a power of a matrix; a jump of any length applies
// the powers with exponents 2^k that make up n.
#pragma once

#define HW5_NORMALS int boxmuller_flag, boxmuller_flag_double; float boxmuller_extra; double boxmuller_extra_double;
struct curandStateXORWOW {
    unsigned d, v[5];
    HW5_NORMALS
};
struct curandStatePhilox4_32_10 {
    uint4 ctr, output;
    uint2 key;
    unsigned STATE;  // how many words of the output were drawn
    HW5_NORMALS
};
struct curandStateMRG32k3a {
    unsigned s1[3], s2[3];
    HW5_NORMALS
};
#undef HW5_NORMALS
typedef curandStateXORWOW curandState, curandState_t, curandStateXORWOW_t;
typedef curandStatePhilox4_32_10 curandStatePhilox4_32_10_t;
typedef curandStateMRG32k3a curandStateMRG32k3a_t;

namespace hw5_curand {

#define HW5_PLAIN static __attribute__((no_sanitize("thread", "bounds")))  // of the emulator, on its own memory

// ---- XORWOW: a polynomial in one step, modulo the characteristic polynomial of the five words

constexpr int degree = 160;
struct Polynomial {
    unsigned word[5];
};
constexpr unsigned characteristic[5] = {0x00060001, 0x08610030, 0x00062121, 0x0f3c0035, 0x00000f0e};  // and x^160

HW5_PLAIN void times_x(Polynomial &p) {
    const bool carry = p.word[4] >> 31;
    for (int i = 4; i > 0; i--) p.word[i] = p.word[i] << 1 | p.word[i - 1] >> 31;
    p.word[0] <<= 1;
    for (int i = 0; carry && i < 5; i++) p.word[i] ^= characteristic[i];
}
HW5_PLAIN bool bit(const Polynomial &p, int i) { return p.word[i / 32] >> (i % 32) & 1; }
HW5_PLAIN Polynomial squared(const Polynomial &p) {
    Polynomial result = {};
    for (int i = degree; i-- > 0;) {
        times_x(result);
        times_x(result);
        result.word[0] ^= bit(p, i);
    }
    return result;
}
HW5_PLAIN void step(unsigned *v) {
    const unsigned t = v[0] ^ v[0] >> 2, last = v[4] ^ v[4] << 4 ^ (t ^ t << 1);
    for (int i = 0; i < 4; i++) v[i] = v[i + 1];
    v[4] = last;
}
HW5_PLAIN void apply(const Polynomial &p, unsigned *v) {
    unsigned sum[5] = {}, now[5] = {v[0], v[1], v[2], v[3], v[4]};
    for (int i = 0; i < degree; i++, step(now))
        for (int k = 0; k < 5; k++) sum[k] ^= bit(p, i) ? now[k] : 0;
    for (int k = 0; k < 5; k++) v[k] = sum[k];
}

// ---- MRG32k3a: two 3 x 3 matrices of remainders

constexpr unsigned modulus[2] = {4294967087u, 4294944443u};
struct Matrix {
    unsigned at[3][3];
};
HW5_PLAIN unsigned remainder(unsigned long long x, int which) { return (unsigned)(x % modulus[which]); }
HW5_PLAIN void apply(const Matrix &m, unsigned *s, int which) {
    const unsigned old[3] = {s[0], s[1], s[2]};
    for (int i = 0; i < 3; i++) {
        unsigned long long sum = 0;
        for (int k = 0; k < 3; k++) sum += remainder((unsigned long long)m.at[i][k] * old[k], which);
        s[i] = remainder(sum, which);
    }
}
HW5_PLAIN Matrix squared(const Matrix &m, int which) {
    Matrix result;
    for (int column = 0; column < 3; column++) {
        unsigned s[3] = {m.at[0][column], m.at[1][column], m.at[2][column]};
        apply(m, s, which);
        for (int i = 0; i < 3; i++) result.at[i][column] = s[i];
    }
    return result;
}

// ---- the powers with exponents 2^k of one step

constexpr int xorwow_sequence = 67, mrg_subsequence = 76, mrg_sequence = 127;  // logarithms of steps
struct alignas(4096) Powers {  // alone on its pages
    Polynomial xorwow[xorwow_sequence + 64];
    Matrix mrg[2][mrg_sequence + 64];

    HW5_PLAIN Powers computed() {
        __attribute__((uninitialized)) Powers p;  // or clang++ fills it by memset, which needs the runtime, at loading
        p.xorwow[0] = {{2}};
        for (int k = 1; k < xorwow_sequence + 64; k++) p.xorwow[k] = squared(p.xorwow[k - 1]);
        p.mrg[0][0] = {{{0, 1, 0}, {0, 0, 1}, {modulus[0] - 810728u, 1403580u, 0}}};
        p.mrg[1][0] = {{{0, 1, 0}, {0, 0, 1}, {modulus[1] - 1370589u, 0, 527612u}}};
        for (int which = 0; which < 2; which++)
            for (int k = 1; k < mrg_sequence + 64; k++) p.mrg[which][k] = squared(p.mrg[which][k - 1], which);
        return p;
    }
};
static const Powers hw5_powers = Powers::computed();

HW5_PLAIN void jump(unsigned long long n, int exponent, unsigned (&v)[5]) {
    for (int k = 0; n; k++, n >>= 1)
        if (n & 1) apply(hw5_powers.xorwow[exponent + k], v);
}
HW5_PLAIN void jump(unsigned long long n, int exponent, unsigned (&s)[3], int which) {
    for (int k = 0; n; k++, n >>= 1)
        if (n & 1) apply(hw5_powers.mrg[which][exponent + k], s, which);
}

// ---- Philox

static inline void next_counter(uint4 &c) { ++c.x || ++c.y || ++c.z || ++c.w; }
static inline uint4 encrypted(uint4 c, uint2 key) {
    for (int round = 0; round < 10; round++) {
        const unsigned long long a = 0xD2511F53ull * c.x, b = 0xCD9E8D57ull * c.z;
        c = make_uint4((unsigned)(b >> 32) ^ c.y ^ key.x, (unsigned)b, (unsigned)(a >> 32) ^ c.w ^ key.y, (unsigned)a);
        key.x += 0x9E3779B9, key.y += 0xBB67AE85;
    }
    return c;
}

// ---- from bits to numbers

constexpr double unit = 1.0 / 9007199254740992.0;  // 2^-53
static inline float uniform(unsigned x) { return (float)x * 0x1p-32f + 0x1p-33f; }
static inline double uniform(unsigned x, unsigned y) { return (double)(x ^ (unsigned long long)y << 21) * unit + unit / 2; }
static inline float2 normal(unsigned x, unsigned y) {
    const float turn = 0x1p-32f * 6.2831855f, angle = fmaf((float)y, turn, turn / 2), radius = sqrtf(-2.0f * logf(uniform(x)));
    return make_float2(sinf(angle) * radius, cosf(angle) * radius);
}
static inline double2 normal_of(double x, double turns) {
    const double radius = sqrt(-2.0 * log(x)), angle = 3.14159265358979323846 * turns;
    return make_double2(sin(angle) * radius, cos(angle) * radius);
}
static inline double2 normal(uint4 x) { return normal_of(uniform(x.x, x.y), 2 * uniform(x.z, x.w)); }
static inline float2 exponential(float2 v, float mean, float deviation) {
    return make_float2(expf(fmaf(deviation, v.x, mean)), expf(fmaf(deviation, v.y, mean)));
}
static inline double2 exponential(double2 v, double mean, double deviation) {
    return make_double2(exp(fma(deviation, v.x, mean)), exp(fma(deviation, v.y, mean)));
}

// One of the pair that draw() makes at every second call; a pair of another kind is forgotten.
template <class T, class Draw> static inline T one_of_two(int &flag, T &extra, int kind, Draw draw) {
    if (flag == kind) {
        flag = 0;
        return extra;
    }
    const auto pair = draw();
    extra = pair.y;
    flag = kind;
    return pair.x;
}
enum { is_normal = 1, is_log_normal = 2 };

template <class State> static inline void forget_normals(State *state) {
    state->boxmuller_flag = state->boxmuller_flag_double = 0;
    state->boxmuller_extra = 0, state->boxmuller_extra_double = 0;
}

}  // namespace hw5_curand

// ---- 32 random bits, and jumps

static inline unsigned curand(curandStateXORWOW *state) {
    hw5_curand::step(state->v);
    state->d += 362437;
    return state->v[4] + state->d;
}
static inline void skipahead(unsigned long long n, curandStateXORWOW *state) {
    hw5_curand::jump(n, 0, state->v);
    state->d += 362437 * (unsigned)n;
}
static inline void skipahead_sequence(unsigned long long n, curandStateXORWOW *state) {
    hw5_curand::jump(n, hw5_curand::xorwow_sequence, state->v);
}
static inline void curand_init(unsigned long long seed, unsigned long long subsequence, unsigned long long offset,
                               curandStateXORWOW *state) {
    const unsigned low = 1099087573u * ((unsigned)seed ^ 0xaad26b49u);
    const unsigned high = 2591861531u * ((unsigned)(seed >> 32) ^ 0xf7dcefddu);
    curandStateXORWOW started = {6615241 + low + high,
                                 {123456789 + low, 362436069 ^ low, 521288629 + high, 88675123 ^ high, 5783321 + low}};
    skipahead_sequence(subsequence, &started);
    skipahead(offset, &started);
    *state = started;
}

static inline uint4 curand4(curandStatePhilox4_32_10 *state) {
    const uint4 a = state->output;
    hw5_curand::next_counter(state->ctr);
    const uint4 b = state->output = hw5_curand::encrypted(state->ctr, state->key);
    switch (state->STATE) {
        case 1: return make_uint4(a.y, a.z, a.w, b.x);
        case 2: return make_uint4(a.z, a.w, b.x, b.y);
        case 3: return make_uint4(a.w, b.x, b.y, b.z);
        default: return a;
    }
}
static inline unsigned curand(curandStatePhilox4_32_10 *state) {
    const uint4 &output = state->output;
    const unsigned drawn = state->STATE++;
    const unsigned result = drawn == 1 ? output.y : drawn == 2 ? output.z : drawn == 3 ? output.w : output.x;
    if (state->STATE == 4) {
        state->STATE = 0;
        curand4(state);
    }
    return result;
}
static inline void skipahead(unsigned long long n, curandStatePhilox4_32_10 *state) {
    state->STATE += n & 3;
    n = n / 4 + state->STATE / 4;
    state->STATE %= 4;
    unsigned __int128 low = ((unsigned __int128)state->ctr.w << 96) + ((unsigned __int128)state->ctr.z << 64);
    low += ((unsigned long long)state->ctr.y << 32 | state->ctr.x) + (unsigned __int128)n;
    state->ctr = make_uint4((unsigned)low, (unsigned)(low >> 32), (unsigned)(low >> 64), (unsigned)(low >> 96));
    state->output = hw5_curand::encrypted(state->ctr, state->key);
}
static inline void skipahead_sequence(unsigned long long n, curandStatePhilox4_32_10 *state) {
    const unsigned long long high = ((unsigned long long)state->ctr.w << 32 | state->ctr.z) + n;
    state->ctr.z = (unsigned)high, state->ctr.w = (unsigned)(high >> 32);
    state->output = hw5_curand::encrypted(state->ctr, state->key);
}
static inline void curand_init(unsigned long long seed, unsigned long long subsequence, unsigned long long offset,
                               curandStatePhilox4_32_10 *state) {
    state->ctr = make_uint4(0, 0, (unsigned)subsequence, (unsigned)(subsequence >> 32));
    state->key = make_uint2((unsigned)seed, (unsigned)(seed >> 32));
    state->STATE = 0;
    hw5_curand::forget_normals(state);
    skipahead(offset, state);
}

static inline double hw5_step(curandStateMRG32k3a *state) {
    using namespace hw5_curand;
    unsigned *a = state->s1, *b = state->s2;
    const unsigned x = remainder(1403580ull * a[1] + 810728ull * (modulus[0] - a[0]), 0);
    const unsigned y = remainder(527612ull * b[2] + 1370589ull * (modulus[1] - b[0]), 1);
    a[0] = a[1], a[1] = a[2], a[2] = x;
    b[0] = b[1], b[1] = b[2], b[2] = y;
    return x > y ? x - y : (double)x + modulus[0] - y;
}
static inline unsigned curand(curandStateMRG32k3a *state) { return (unsigned)(hw5_step(state) * 1.000000048662); }
static inline void hw5_jump(unsigned long long n, int exponent, curandStateMRG32k3a *state) {
    hw5_curand::jump(n, exponent, state->s1, 0);
    hw5_curand::jump(n, exponent, state->s2, 1);
}
static inline void skipahead(unsigned long long n, curandStateMRG32k3a *state) { hw5_jump(n, 0, state); }
static inline void skipahead_subsequence(unsigned long long n, curandStateMRG32k3a *state) {
    hw5_jump(n, hw5_curand::mrg_subsequence, state);
}
static inline void skipahead_sequence(unsigned long long n, curandStateMRG32k3a *state) {
    hw5_jump(n, hw5_curand::mrg_sequence, state);
}
static inline void curand_init(unsigned long long seed, unsigned long long subsequence, unsigned long long offset,
                               curandStateMRG32k3a *state) {
    const unsigned long long low = (unsigned)seed ^ 0x55555555u, high = (unsigned)(seed >> 32) ^ 0xAAAAAAAAu;
    curandStateMRG32k3a started = {};
    for (int i = 0; i < 3; i++) {
        started.s1[i] = seed ? hw5_curand::remainder(12345 * (i % 2 ? high : low), 0) : 12345;
        started.s2[i] = seed ? hw5_curand::remainder(12345 * (i % 2 ? low : high), 1) : 12345;
    }
    skipahead_subsequence(subsequence, &started);
    skipahead(offset, &started);
    *state = started;
}

// ---- uniform in (0, 1]

static inline float curand_uniform(curandStateXORWOW *state) { return hw5_curand::uniform(curand(state)); }
static inline float curand_uniform(curandStatePhilox4_32_10 *state) { return hw5_curand::uniform(curand(state)); }
static inline float4 curand_uniform4(curandStatePhilox4_32_10 *state) {
    using hw5_curand::uniform;
    const uint4 x = curand4(state);
    return make_float4(uniform(x.x), uniform(x.y), uniform(x.z), uniform(x.w));
}
static inline double curand_uniform_double(curandStateMRG32k3a *state) { return hw5_step(state) * 2.3283065498378288e-10; }
static inline float curand_uniform(curandStateMRG32k3a *state) { return (float)curand_uniform_double(state); }
static inline double curand_uniform_double(curandStateXORWOW *state) {
    const unsigned x = curand(state);
    return hw5_curand::uniform(x, curand(state));
}
static inline double curand_uniform_double(curandStatePhilox4_32_10 *state) { return curand(state) * 0x1p-32 + 0x1p-32; }
static inline double2 curand_uniform2_double(curandStatePhilox4_32_10 *state) {
    const uint4 x = curand4(state);
    return make_double2(hw5_curand::uniform(x.x, x.y), hw5_curand::uniform(x.z, x.w));
}
static inline double4 curand_uniform4_double(curandStatePhilox4_32_10 *state) {
    const double2 a = curand_uniform2_double(state), b = curand_uniform2_double(state);
    return make_double4(a.x, a.y, b.x, b.y);
}

// ---- normal and log-normal, two at a time by Box and Muller

template <class State> static inline float2 curand_normal2(State *state) {
    const unsigned x = curand(state);
    return hw5_curand::normal(x, curand(state));
}
static inline float2 curand_normal2(curandStateMRG32k3a *state) {
    const float x = curand_uniform(state), angle = curand_uniform(state) * 6.2831855f, radius = sqrtf(-2.0f * logf(x));
    return make_float2(sinf(angle) * radius, cosf(angle) * radius);
}
static inline double2 curand_normal2_double(curandStateXORWOW *state) {
    const unsigned x = curand(state), y = curand(state), z = curand(state);
    return hw5_curand::normal(make_uint4(x, y, z, curand(state)));
}
static inline double2 curand_normal2_double(curandStatePhilox4_32_10 *state) { return hw5_curand::normal(curand4(state)); }
static inline double2 curand_normal2_double(curandStateMRG32k3a *state) {
    const double x = curand_uniform_double(state);
    return hw5_curand::normal_of(x, 2 * curand_uniform_double(state));
}
static inline float4 curand_normal4(curandStatePhilox4_32_10 *state) {
    const uint4 x = curand4(state);
    const float2 a = hw5_curand::normal(x.x, x.y), b = hw5_curand::normal(x.z, x.w);
    return make_float4(a.x, a.y, b.x, b.y);
}
static inline double4 curand_normal4_double(curandStatePhilox4_32_10 *state) {
    const double2 a = curand_normal2_double(state), b = curand_normal2_double(state);
    return make_double4(a.x, a.y, b.x, b.y);
}
template <class State> static inline float curand_normal(State *state) {
    return hw5_curand::one_of_two(state->boxmuller_flag, state->boxmuller_extra, hw5_curand::is_normal,
                                  [=] { return curand_normal2(state); });
}
template <class State> static inline double curand_normal_double(State *state) {
    return hw5_curand::one_of_two(state->boxmuller_flag_double, state->boxmuller_extra_double, hw5_curand::is_normal,
                                  [=] { return curand_normal2_double(state); });
}

template <class State> static inline float2 curand_log_normal2(State *state, float mean, float deviation) {
    return hw5_curand::exponential(curand_normal2(state), mean, deviation);
}
template <class State> static inline double2 curand_log_normal2_double(State *state, double mean, double deviation) {
    return hw5_curand::exponential(curand_normal2_double(state), mean, deviation);
}
static inline float4 curand_log_normal4(curandStatePhilox4_32_10 *state, float mean, float deviation) {
    const float4 v = curand_normal4(state);
    const float2 a = hw5_curand::exponential(make_float2(v.x, v.y), mean, deviation);
    const float2 b = hw5_curand::exponential(make_float2(v.z, v.w), mean, deviation);
    return make_float4(a.x, a.y, b.x, b.y);
}
template <class State> static inline float curand_log_normal(State *state, float mean, float deviation) {
    return hw5_curand::one_of_two(state->boxmuller_flag, state->boxmuller_extra, hw5_curand::is_log_normal,
                                  [=] { return curand_log_normal2(state, mean, deviation); });
}
template <class State> static inline double curand_log_normal_double(State *state, double mean, double deviation) {
    return hw5_curand::one_of_two(state->boxmuller_flag_double, state->boxmuller_extra_double, hw5_curand::is_log_normal,
                                  [=] { return curand_log_normal2_double(state, mean, deviation); });
}
#undef HW5_PLAIN
