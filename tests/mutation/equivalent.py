"""Faults that change nothing that anybody could see but time, and why.

{(file, the line, the line with the fault): the reason}. Where nvcc makes the same code of a fault, it needs no entry.
"""

_NO_PACKS = "slower: single floats are loaded instead of packs, and the numbers are the same"
_ONE_MORE = "slower: one more turn, in which no item is left"

EQUIVALENT = {
    # -- kernels
    (
        "kernels/activations.cuh",
        "ACTIVATION(relu,       z < 0.0f ? 0.0f : z,                 x > 0.0f ? 1.0f : 0.0f)",
        "ACTIVATION(relu,       z <= 0.0f ? 0.0f : z,                 x > 0.0f ? 1.0f : 0.0f)",
    ): "zero for zero; only its sign may differ",
    (
        "kernels/activations.cuh",
        "ACTIVATION(elu,        z < 0.0f ? a * expm1f(z) : z,        x < 0.0f ? x + a : 1.0f)",
        "ACTIVATION(elu,        z <= 0.0f ? a * expm1f(z) : z,        x < 0.0f ? x + a : 1.0f)",
    ): "zero for zero; only its sign may differ",
    (
        "kernels/activations.cuh",
        "ACTIVATION(heaviside,  z > 0.0f ? 1.0f : z <= 0.0f ? 0.0f : z, 0.0f)",
        "ACTIVATION(heaviside,  z > 0.0f ? 1.0f : z <= (0.0f + 0.25f) ? 0.0f : z, 0.0f)",
    ): "z is not above 0 there",
    (
        "kernels/adam_update.cu",
        "if (threadIdx.x == 0) by = adam::correction(rates, *t);",
        "if (threadIdx.x == 1) by = adam::correction(rates, *t);",
    ): "another thread of the 256 computes what all of them read after the barrier",
    (
        "kernels/convolution.cu",
        "for (int first = blockIdx.y * at_once; first < places; first += gridDim.y * at_once) {",
        "for (int first = blockIdx.y * at_once; first <= places; first += gridDim.y * at_once) {",
    ): _ONE_MORE,
    (
        "kernels/convolution.cu",
        "for (int first = blockIdx.y * blockDim.x; first < groups * patch; first += gridDim.y * blockDim.x) {",
        "for (int first = blockIdx.y * blockDim.x; first <= groups * patch; first += gridDim.y * blockDim.x) {",
    ): _ONE_MORE,
    (
        "kernels/convolution.cu",
        "weights[q * groups + f / FILTERS][f % FILTERS] = f < m ? W[i] : 0.0f;",
        "weights[q * groups + f / FILTERS][f % FILTERS] = f < m ? W[i] : (0.0f + 0.25f);",
    ): "the sums of filters beyond the last are not stored",
    (
        "kernels/gradient_mean.cu",
        "constexpr int IN_FLIGHT = 8;  // loads that do not wait for the additions, whose order stays",
        "constexpr int IN_FLIGHT = 9;  // loads that do not wait for the additions, whose order stays",
    ): "more loads at once; the order of the additions stays",
    (
        "kernels/gradient_mean.cu",
        "for (; i + (IN_FLIGHT - 1) * rows < last; i += IN_FLIGHT * rows) {",
        "for (; i + (IN_FLIGHT - 1) * rows < first; i += IN_FLIGHT * rows) {",
    ): "slower: the next loop adds all rows, in the same order, with one load at a time",
    (
        "kernels/pack.cuh",
        "struct alignas(N * sizeof(T)) Pack {",
        "struct alignas(N / sizeof(T)) Pack {",
    ): _NO_PACKS,
    (
        "kernels/pack.cuh",
        "return reinterpret_cast<size_t>(array) % (4 * sizeof(T)) == 0;",
        "return reinterpret_cast<size_t>(array) % (4 * sizeof(T)) == 1;",
    ): _NO_PACKS + ": no array of floats starts at an odd address",
    (
        "kernels/pack.cuh",
        "const long long packed = packs_of_four ? n / 4 * 4 : 0;",
        "const long long packed = packs_of_four ? n / 5 * 4 : 0;",
    ): "slower: fewer packs, and more single floats after them",
    (
        "kernels/reduce.cuh",
        "for (int distance = 16; distance > 0; distance /= 2)",
        "for (int distance = 17; distance > 0; distance /= 2)",
    ): "the distances 17, 8, 4, 2 and 1 combine every lane once, too, in a fixed order",
    (
        "kernels/reduce.cuh",
        "const int lanes = blockDim.x < 32 ? blockDim.x : 32;",
        "const int lanes = blockDim.x <= 32 ? blockDim.x : 32;",
    ): "32 is 32",
    (
        "kernels/reduce.cuh",
        "const int lanes = blockDim.x < 32 ? blockDim.x : 32;",
        "const int lanes = blockDim.x < 31 ? blockDim.x : 32;",
    ): "fewer than 32 lanes are at most 16",
    (
        "kernels/reduce.cuh",
        "if (blockDim.x <= 32) return value;  // the same for the whole block",
        "if (blockDim.x <= 33) return value;  // the same for the whole block",
    ): "more than 32 lanes are a multiple of 32",
    (
        "kernels/reduce.cuh",
        "return a_is_nan || a.value == b.value ? a.index < b.index : a.value > b.value;",
        "return a_is_nan || a.value == b.value ? a.index <= b.index : a.value > b.value;",
    ): "equal indices are of the same element",
    (
        "kernels/small_epoch.cu",
        "__device__ bool has_hidden() const { return top.m > 0; }",
        "__device__ bool has_hidden() const { return top.m > 1; }",
    ): "a softmax has two classes or more",
    (
        "kernels/small_epoch.cu",
        "for (float *at = shared.top.W + thread(); at < shared.bias.end(); at += THREADS) *at = 0.0f;",
        "for (float *at = shared.top.W - thread(); at < shared.bias.end(); at += THREADS) *at = 0.0f;",
    ): "zeros are also written to the memory of the minibatch and the sums, which are written later",
    (
        "kernels/small_epoch.cu",
        "if (n > THREADS / CHAINS)",
        "if (n >= THREADS / CHAINS)",
    ): "which of two ways is faster; both give the same bits",
    (
        "kernels/small_epoch.cu",
        "const int splits = max(1, min(min(THREADS / packs, WARPS), (k + SIDE - 1) / SIDE)), split = thread() / across;",
        "const int splits = max(1, min(min(THREADS / packs, WARPS), (k + SIDE - 1) * SIDE)), split = thread() / across;",
    ): "slower: more turns, which have no examples and add zeros",
    (
        "kernels/small_epoch.cu",
        "if (i < k && c == inputs.d) values[q] = one;",
        "if (i <= k && c == inputs.d) values[q] = one;",
    ): "a 1 in a row after the last example, whose Delta is 0",
    (
        "kernels/small_epoch.cu",
        "for (int at = thread(); at < plan.units * rows; at += THREADS) {",
        "for (int at = thread(); at <= plan.units * rows; at += THREADS) {",
    ): "a 0 is also written to the first of the sums, which are written later",
    (
        "kernels/small_epoch.cu",
        'extern "C" __global__ void __launch_bounds__(512, 1) epoch_##NAME(                                                 \\',
        'extern "C" __global__ void __launch_bounds__(513, 1) epoch_##NAME(                                                 \\',
    ): "slower: a thread has fewer registers",
    (
        "kernels/small_epoch.cu",
        "if (inputs.d % N == 0 && reinterpret_cast<size_t>(inputs.X) % sizeof(Words) == 0)",
        "if (inputs.d % N == 0 && reinterpret_cast<size_t>(inputs.X) / sizeof(Words) == 0)",
    ): "slower: single elements are copied instead of packs",
    (
        "kernels/small_epoch.cu",
        "if (thread() == 0) by = rule.is_adam ? adam::correction(rule.of_adam, ++t) : adam::Correction{};",
        "if (thread() == 1) by = rule.is_adam ? adam::correction(rule.of_adam, ++t) : adam::Correction{};",
    ): "another thread of the block computes what all of them read after a barrier",
    (
        "kernels/small_network.cu",
        "if (i >= k || j >= m) return;  // the whole warp",
        "if (i > k || j >= m) return;  // the whole warp",
    ): "slower: a warp without examples stores nothing",
    (
        "kernels/reduce.cuh",
        "return a_is_nan || a.value == b.value ? a.index < b.index : a.value > b.value;",
        "return a_is_nan || a.value == b.value ? a.index < b.index : a.value >= b.value;",
    ): "the values differ there",
    (
        "kernels/small_network.cu",
        "if (threadIdx.x == 0) by.rate = is_adam ? adam::correction(rule.of_adam, *t).rate : 0.0f;                      \\",
        "if (threadIdx.x == 1) by.rate = is_adam ? adam::correction(rule.of_adam, *t).rate : 0.0f;                      \\",
    ): "another thread of the block computes what all of them read after a barrier",
    (
        "kernels/small_network.cu",
        "bool is_first = threadIdx.x % LANES == 0;",
        "bool is_first = threadIdx.x % LANES == 1;",
    ): "all lanes of a product have it",
    (
        "kernels/small_network.cu",
        "if (threadIdx.x == 0) target = {label, weights[label], loss[i], correct[i]};",
        "if (threadIdx.x == 1) target = {label, weights[label], loss[i], correct[i]};",
    ): "another lane stores what all lanes read",
    (
        "kernels/small_network.cu",
        "if (threadIdx.x == 0) loss[i] = target.loss, correct[i] = target.correct;",
        "if (threadIdx.x == 1) loss[i] = target.loss, correct[i] = target.correct;",
    ): "another lane stores what all lanes read",
    (
        "kernels/small_network.cu",
        "for (int start = 0; start < k; start += Tile::ROWS) {",
        "for (int start = 0; start <= k; start += Tile::ROWS) {",
    ): _ONE_MORE,
    (
        "kernels/small_network.cu",
        "c < inputs.d ? x[q] : Pack<float, N>{c == inputs.d ? 1.0f : 0.0f});",
        "c < inputs.d ? x[q] : Pack<float, N>{c == inputs.d ? 1.0f : (0.0f + 0.25f)});",
    ): "the sums of columns beyond the last are not stored",
    (
        "kernels/small_network.cu",
        "if (first + q * AT_ONCE < rows)",
        "if (first + q / AT_ONCE < rows)",
    ): "rows after the last are written too, within the memory of the tile, and not read",
    (
        "kernels/small_network.cu",
        "using Small = Tiles<32, 8, 128>;",
        "using Small = Tiles<32, 8, 129>;",
    ): "129 examples at a time: the turns have other examples, also in a fixed order",
    (
        "kernels/small_network.cu",
        "using Large = Tiles<64, 4, 64>;",
        "using Large = Tiles<64, 4, 63>;",
    ): "slower: 63 examples at a time, in the same order",
    (
        "kernels/small_network.cu",
        'extern "C" __global__ void __launch_bounds__(512, 2)                                                               \\',
        'extern "C" __global__ void __launch_bounds__(512, 3)                                                               \\',
    ): "slower: a thread has fewer registers",
    # -- launches
    (
        "hw5/devices/kernels.py",
        "def launch(self, kernel: str, grid, block, args, shared=0, cooperative=False) -> None:",
        "def launch(self, kernel: str, grid, block, args, shared=1, cooperative=False) -> None:",
    ): "the default of a protocol; each runtime has its own",
    (
        "hw5/devices/kernels.py",
        "self.first = self.upload(np.zeros(1, np.int32))  # added to the start of a minibatch in the order",
        "self.first = self.upload(np.zeros(2, np.int32))  # added to the start of a minibatch in the order",
    ): "a number that nothing reads",
    (
        "hw5/devices/kernels.py",
        'array.memory = self.runtime.allocate(max(array.nbytes, 1), f"{array.dtype} {array.shape}")',
        'array.memory = self.runtime.allocate(max(array.nbytes, 2), f"{array.dtype} {array.shape}")',
    ): "an empty array has two bytes that nothing reads, instead of one",
    # -- mathematics
    (
        "hw5/devices/cpu.py",
        "if buffer is None or buffer.size < size:",
        "if buffer is None or buffer.size <= size:",
    ): "slower: a buffer that is just large enough is replaced",
    (
        "hw5/devices/cpu.py",
        "if 2 * rows > columns or not right.flags.f_contiguous:",
        "if 3 * rows > columns or not right.flags.f_contiguous:",
    ): "which of two products is faster; both are right",
    (
        "hw5/devices/cpu.py",
        "if 2 * rows > columns or not right.flags.f_contiguous:",
        "if 2 * rows >= columns or not right.flags.f_contiguous:",
    ): "which of two products is faster; both are right",
    (
        "hw5/devices/cpu.py",
        "_SIGMOID.theta(Z, 0, None)  # in place",
        "_SIGMOID.theta(Z, 1, None)  # in place",
    ): "the sigmoid has no parameter",
    (
        "hw5/devices/cpu.py",
        "if beta != 1:",
        "if beta != 0:",
    ): "slower: a multiplication by 1",
    (
        "hw5/devices/cpu_images.py",
        "image, p = self._padded(np.zeros((len(out), h * w * c), self.dtype), window, 0), window.padding",
        "image, p = self._padded(np.zeros((len(out), h * w * c), self.dtype), window, 1), window.padding",
    ): "the padding is cut off",
    (
        "hw5/nn/hidden.py",
        'return entry if isinstance(entry, Real) and abs(entry) < 1e18 else f"a value of type {type(entry).__name__}"',
        'return entry if isinstance(entry, Real) and abs(entry) <= 1e18 else f"a value of type {type(entry).__name__}"',
    ): "how a message shows exactly 10^18",
    # -- training
    (
        "hw5/train/order.py",
        "if self.block and self.settings.slices > 1:",
        "if self.block and self.settings.slices >= 1:",
    ): "the order by one slice is that without slices",
    (
        "hw5/datasets/preprocessing.py",
        "def _mean(subset, f, channels=None, chunk=1024):",
        "def _mean(subset, f, channels=None, chunk=1023):",
    ): "sums of other chunks differ in the last bit of float64",
    (
        "hw5/train/training.py",
        "read_ahead(self._X, self._orders.of(self.epoch)[self.done : 2 * stop - self.done])",
        "read_ahead(self._X, self._orders.of(self.epoch)[self.done : 1 * stop - self.done])",
    ): "slower: less is read ahead",
    (
        "hw5/train/training.py",
        "if stop == len(self.rows) and self.epoch < self.settings.epochs:",
        "if stop == len(self.rows) and self.epoch > self.settings.epochs:",
    ): "slower: the next order is drawn after the epoch",
    (
        "hw5/datasets/preprocessing.py",
        "smallest = 2 * float(np.finfo(kind).tiny) ** 2  # as a Python float, since float32 has no such number",
        "smallest = 1 * float(np.finfo(kind).tiny) ** 2  # as a Python float, since float32 has no such number",
    ): "a margin: the inverse of the square root of either is a float32",
    # -- native
    (
        "hw5/devices/native/convolution.h",
        "for (int64_t first = 0; first < std::min(s, window.w); first++) {",
        "for (int64_t first = 0; first < std::max(s, window.w); first++) {",
    ): "slower: pixels are computed again, with the same result",
    (
        "hw5/devices/native/convolution.h",
        "std::max<int64_t>(0, (window.w - 1 + p) / s - (window.columns - 1))};",
        "std::max<int64_t>(0, (window.w - 1 + p) / s + (window.columns - 1))};",
    ): "slower: a wider margin of zeros, and more pixels in groups of two",
    (
        "hw5/devices/native/products.h",
        "int64_t groups = (end - begin + most - 1) / most;",
        "int64_t groups = (end - begin + most - 0) / most;",
    ): "slower: one more group, and smaller ones",
    (
        "hw5/devices/native/products.h",
        "Matrix(int64_t rows, int64_t columns) : rows_(rows), stride_((padded(columns) / LINE | 1) * LINE) {",
        "Matrix(int64_t rows, int64_t columns) : rows_(rows), stride_((padded(columns) * LINE | 1) * LINE) {",
    ): "slower: rows are further apart",
    (
        "hw5/devices/native/sparse_gradient.h",
        "const int64_t n = window.j * window.c, in_lanes = (n + LANES - 1) / LANES * LANES;",
        "const int64_t n = window.j / window.c, in_lanes = (n + LANES - 1) / LANES * LANES;",
    ): "which of two ways is faster; both are right",
    (
        "hw5/devices/native/stretch.h",
        "for (auto &buffer : largest) buffer.push_back(pieces == 1 ? Matrix() : Matrix(rows, m / pieces));",
        "for (auto &buffer : largest) buffer.push_back(pieces == 1 ? Matrix() : Matrix(rows, m * pieces));",
    ): "a larger buffer",
    (
        "hw5/devices/native/images.cpp",
        "threads = std::min(job.threads, std::max(parts, int64_t(job.Z ? 1 : slices.size())));",
        "threads = std::min(job.threads, std::max(parts, int64_t(job.Z ? 2 : slices.size())));",
    ): "slower: a thread that has nothing to do",
    (
        "hw5/devices/native/products.h",
        "for (int i = 0; i < N * LANES; i += LINE) __builtin_prefetch(C.row(p) + i, 1);",
        "for (int i = 0; i < N * LANES; i += LINE) __builtin_prefetch(C.row(p) - i, 1);",
    ): "slower: it fetches what is not used",
    (
        "hw5/devices/native/sparse_gradient.h",
        "return pool.i * pool.j * n > 2 * in_lanes;",
        "return pool.i / pool.j * n > 2 * in_lanes;",
    ): "which of two ways is faster; both are right",
    (
        "hw5/devices/native/step.cpp",
        ": stretch(stretch), job(stretch.job), self{int(thread)}, outcomes(2, stretch.rows) {",
        ": stretch(stretch), job(stretch.job), self{int(thread)}, outcomes(3, stretch.rows) {",
    ): "a row that nothing reads",
}
