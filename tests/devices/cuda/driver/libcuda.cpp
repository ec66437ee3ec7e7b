// NVIDIA's driver without a GPU: the functions of libcuda.so.1 that PyCUDA, cuda-bindings and hw5 call.
//
// Kernels run in hw5's emulator, as libraries compiled by nvcc.py. Work in a stream only runs when it is waited for. The
// rules of the driver hold: contexts, captures, lifetimes. What it would not report, such as a copy beyond an
// allocation, ends the process with a message. Only one thread at a time may call it.
//
// Environment: FAKE_GPU_COUNT (1, at most 8), FAKE_GPU_CUDA (13000, the version of the driver), FAKE_GPU_REPORT (print at
// exit what is left on the GPU).
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "runtime.cpp"

#define API extern "C" __attribute__((visibility("default")))

namespace {

enum Result {
    success = 0, invalid_value = 1, out_of_memory = 2, not_initialized = 3, no_device = 100, invalid_device = 101,
    invalid_image = 200, invalid_context = 201, invalid_handle = 400, illegal_state = 401, not_found = 500,
    launch_failed = 719, cooperative_too_large = 720, not_supported = 801, capture_unsupported = 900, capture_invalidated = 901,
    capture_unjoined = 904,
};
const std::map<int, const char *> messages = {
    {success, "no error"},
    {invalid_value, "invalid argument"},
    {out_of_memory, "out of memory"},
    {not_initialized, "initialization error"},
    {no_device, "no CUDA-capable device is detected"},
    {invalid_device, "invalid device ordinal"},
    {invalid_image, "device kernel image is invalid"},
    {invalid_context, "invalid device context"},
    {invalid_handle, "invalid resource handle"},
    {illegal_state, "the operation cannot be performed in the present state"},
    {not_found, "named symbol not found"},
    {launch_failed, "unspecified launch failure"},
    {cooperative_too_large, "too many blocks in cooperative launch"},
    {not_supported, "operation not supported"},
    {capture_unsupported, "operation not permitted when stream is capturing"},
    {capture_invalidated, "operation failed due to a previous error during capture"},
    {capture_unjoined, "capturing stream has unjoined work"},
};

typedef unsigned long long Address;
typedef std::vector<std::function<void()>> Work;

struct Context {
    int device, users;
};
struct Stream;
typedef std::set<size_t> Nodes;
struct Capture {  // of a stream, and of those that joined it by waiting for an event of it
    const Stream *origin;
    Work work;
    std::vector<Nodes> after;  // what each work depends on
    bool invalid;

    // All work in the order furthest from the recorded one that the dependencies allow.
    Work ordered() const {
        Work result;
        for (Nodes done; result.size() < work.size();) {
            size_t node = work.size() - 1;
            while (done.count(node) || !std::includes(done.begin(), done.end(), after[node].begin(), after[node].end()))
                --node;
            done.insert(node), result.push_back(work[node]);
        }
        return result;
    }
};
struct Stream {
    Context *context;
    Work waiting;
    std::shared_ptr<Capture> capture;
    Nodes last;  // of the capture: what the next work depends on
};
struct Event {  // only those of captures
    std::shared_ptr<Capture> capture;
    Nodes last;
};
struct Code {  // a CUmodule
    LoadedModule *loaded;
};
struct Function {
    Code *code;
    const Kernel *kernel;
    unsigned most_shared = 48 << 10;  // bytes of dynamic shared memory
};

[[noreturn]] void misuse(const std::string &what) {
    fprintf(stderr, "fake GPU: misuse: %s\n", what.c_str());
    abort();
}

// The objects of a kind that exist.
template <class T> struct Objects {
    const char *kind;
    std::set<T *> all;

    T *add(T object) { return *all.insert(new T(std::move(object))).first; }
    T &get(void *handle) {
        if (!all.count((T *)handle)) misuse(std::string("this is no ") + kind + ", or it was destroyed");
        return *(T *)handle;
    }
    void remove(void *handle) {
        delete &get(handle);
        all.erase((T *)handle);
    }
};

struct Gpu {
    const int count = visible(setting("FAKE_GPU_COUNT", 1)), version = setting("FAKE_GPU_CUDA", 13000);
    const bool report = setting("FAKE_GPU_REPORT", 0);
    const size_t total = 16ull << 30;
    bool initialized = false;
    int failure = success;  // of a kernel; it stays, as on a GPU
    Context contexts[8] = {};
    std::map<Address, size_t> memory, pinned;
    size_t used = 0;
    Objects<Stream> streams{"stream", {}};
    Objects<Event> events{"event", {}};
    Objects<Code> modules{"module", {}};
    Objects<Function> functions{"function", {}};
    Objects<Work> graphs{"graph", {}}, executables{"instantiated graph", {}};

    static int setting(const char *name, int otherwise) { return getenv(name) ? atoi(getenv(name)) : otherwise; }
    static int visible(int count) {  // CUDA_VISIBLE_DEVICES is empty or -1: none; only this is imitated
        const char *listed = getenv("CUDA_VISIBLE_DEVICES");
        return listed && (!*listed || *listed == '-') ? 0 : count;
    }
    size_t left() const {
        return memory.size() + pinned.size() + streams.all.size() + events.all.size() + modules.all.size() +
               graphs.all.size() + executables.all.size();
    }
    ~Gpu() {
        if (!report) return;
        int users = 0;
        for (const Context &context : contexts) users += context.users;
        fprintf(stderr, "fake GPU: %zu objects and %d uses of contexts are left\n", left(), users);
    }
} gpu;
thread_local std::vector<Context *> current;  // the stack of contexts

int state() { return !gpu.initialized ? not_initialized : current.empty() ? invalid_context : gpu.failure; }
#define REQUIRE_CONTEXT if (int failure = state()) return failure

// Relaxed captures, which hw5 uses, permit such calls, but they would not be replayed. So they are refused.
bool refused_in_capture() {
    bool refused = false;
    for (Stream *stream : gpu.streams.all)
        if (stream->capture) refused = stream->capture->invalid = true;
    return refused;
}
#define REQUIRE_NO_CAPTURE if (refused_in_capture()) return capture_unsupported

bool within(const std::map<Address, size_t> &ranges, Address start, size_t size) {
    auto after = ranges.upper_bound(start);
    return after != ranges.begin() && (--after, start + size <= after->first + after->second);
}
void require_memory(Address start, size_t size, const char *what) {
    if (size && !within(gpu.memory, start, size)) misuse(std::string(what) + " is not within allocated memory");
}
void require_pinned(const void *start, size_t size) {
    if (!within(gpu.pinned, (Address)start, size)) misuse("an asynchronous copy with host memory that is not pinned");
}

int enqueue(void *handle, std::function<void()> work) {
    Stream &stream = gpu.streams.get(handle);
    if (stream.context != current.back()) misuse("work for a stream of another context");
    if (!stream.capture) return stream.waiting.push_back(std::move(work)), success;
    stream.capture->work.push_back(std::move(work));
    stream.capture->after.push_back(std::move(stream.last));
    stream.last = {stream.capture->work.size() - 1};
    return success;
}

int wait_for(Stream &stream) {
    Work work = std::move(stream.waiting);
    stream.waiting.clear();
    for (auto &step : work)
        if (!gpu.failure) step();
    return gpu.failure;
}

int wait_for_all() {
    for (Stream *stream : gpu.streams.all) wait_for(*stream);
    return gpu.failure;
}

// -- kernels

// The parameters of a kernel, from a packed buffer (alignment as in a struct of C) or from an array of pointers.
std::vector<Slot> parameters(const Kernel &kernel, void **pointers, void **extra) {
    static const std::map<char, size_t> sizes = {{'P', 8}, {'?', 1}, {'b', 1}, {'B', 1}, {'h', 2}, {'H', 2},
                                                 {'i', 4}, {'I', 4}, {'q', 8}, {'Q', 8}, {'f', 4}, {'d', 8}};
    const char *packed = nullptr;
    size_t length = 0, offset = 0;
    for (; extra && *extra; extra += 2) {
        if (*extra == (void *)1) packed = (const char *)extra[1];
        if (*extra == (void *)2) length = *(size_t *)extra[1];
    }
    std::vector<Slot> slots;
    for (const char *code = kernel.signature; *code; ++code) {
        const size_t size = sizes.at(*code);
        offset = (offset + size - 1) / size * size;
        Slot slot = {};
        if (packed && offset + size > length) misuse(std::string(kernel.name) + " has more parameters");
        memcpy(slot.bytes, packed ? packed + offset : pointers[slots.size()], size);
        offset += size;
        slots.push_back(slot);
    }
    if (packed && offset != length) misuse(std::string(kernel.name) + " has fewer parameters, or of other types");
    return slots;
}

void require_valid_pointers(const Kernel &kernel, const std::vector<Slot> &slots) {
    for (size_t i = 0; i < slots.size(); ++i) {
        Address address;
        memcpy(&address, slots[i].bytes, sizeof address);
        if (kernel.signature[i] == 'P') require_memory(address, 1, "the argument of a kernel");
    }
}

void run(Launch launch, const std::vector<Slot> &slots) {
    require_valid_pointers(*launch.kernel, slots);  // again: a graph may be replayed after its memory was freed
    std::copy(slots.begin(), slots.end(), launch.arguments);
    if (const Fault *fault = hw5_launch(&launch)) {
        fprintf(stderr, "fake GPU: %s failed in the emulator (fault %d, %s)\n", launch.kernel->name,
                (int)fault->kind, fault->text);
        gpu.failure = launch_failed;
    }
}

}  // namespace

// -- the driver and its devices

API int cuInit(unsigned) {
    gpu.initialized = true;
    return gpu.count ? success : no_device;
}
API int cuDriverGetVersion(int *version) { return *version = gpu.version, success; }
API int cuGetErrorString(int error, const char **text) {
    const auto found = messages.find(error);
    *text = found == messages.end() ? "unknown error" : found->second;
    return success;
}
API int cuGetErrorName(int, const char **text) { return *text = "CUDA_ERROR", success; }
API int cuDeviceGetCount(int *count) { return *count = gpu.count, gpu.initialized ? success : not_initialized; }
API int cuDeviceGet(int *device, int ordinal) {
    if (!gpu.initialized) return not_initialized;
    return *device = ordinal, ordinal >= 0 && ordinal < gpu.count ? success : invalid_device;
}
API int cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, length, "fake GPU %d", device);
    return success;
}
API int cuDeviceGetAttribute(int *value, int attribute, int) {
    // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and MINOR, MULTIPROCESSOR_COUNT, MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    static const std::map<int, int> of_an_h100 = {{75, 9}, {76, 0}, {16, 132}, {97, 227 << 10}};
    const auto found = of_an_h100.find(attribute);
    return *value = found == of_an_h100.end() ? 1 : found->second, success;
}
API int cuDeviceComputeCapability(int *major, int *minor, int) { return *major = 9, *minor = 0, success; }

// -- contexts

API int cuDevicePrimaryCtxRetain(void **context, int device) {
    if (!gpu.initialized) return not_initialized;
    gpu.contexts[device].device = device;
    gpu.contexts[device].users++;
    return *context = &gpu.contexts[device], success;
}
API int cuDevicePrimaryCtxRelease_v2(int device) {
    Context &context = gpu.contexts[device];
    if (!context.users) return invalid_context;
    int others = 0;
    for (const Context &other : gpu.contexts) others += other.users;
    if (others == 1 && gpu.left()) misuse("the last context is released, and something in it is not");
    context.users--;
    return success;
}
API int cuDevicePrimaryCtxRelease(int device) { return cuDevicePrimaryCtxRelease_v2(device); }
API int cuCtxPushCurrent_v2(void *context) { return current.push_back((Context *)context), success; }
API int cuCtxPopCurrent_v2(void **context) {
    if (current.empty()) return invalid_context;
    if (context) *context = current.back();
    return current.pop_back(), success;
}
API int cuCtxGetCurrent(void **context) {
    return *context = current.empty() ? nullptr : current.back(), success;
}
API int cuCtxGetDevice(int *device) {
    REQUIRE_CONTEXT;
    return *device = current.back()->device, success;
}
API int cuCtxDetach(void *) { misuse("cuCtxDetach of a primary context"); }
API int cuCtxSynchronize() {
    REQUIRE_CONTEXT;
    REQUIRE_NO_CAPTURE;
    return wait_for_all();
}

// -- memory

API int cuMemAlloc_v2(Address *address, size_t size) {
    REQUIRE_CONTEXT;
    REQUIRE_NO_CAPTURE;
    if (!size) return invalid_value;
    if (gpu.used + size > gpu.total) return out_of_memory;
    *address = (Address)hw5_allocate(size, "GPU memory");  // full of NaN
    gpu.memory[*address] = size;
    return gpu.used += size, success;
}
API int cuMemFree_v2(Address address) {
    REQUIRE_CONTEXT;
    REQUIRE_NO_CAPTURE;
    wait_for_all();
    if (!gpu.memory.count(address)) misuse("cuMemFree of an address that was not allocated");
    gpu.used -= gpu.memory[address];
    gpu.memory.erase(address);
    return hw5_release((void *)address), success;
}
API int cuMemGetInfo_v2(size_t *free, size_t *total) {
    REQUIRE_CONTEXT;
    return *free = gpu.total - gpu.used, *total = gpu.total, success;
}
API int cuMemHostAlloc(void **address, size_t size, unsigned) {
    REQUIRE_CONTEXT;
    REQUIRE_NO_CAPTURE;
    *address = malloc(size);
    memset(*address, 0xA5, size);  // shows up if it is read before it is written
    return gpu.pinned[(Address)*address] = size, success;
}
API int cuMemFreeHost(void *address) {
    REQUIRE_CONTEXT;
    if (!gpu.pinned.erase((Address)address)) misuse("cuMemFreeHost of an address that was not allocated");
    return free(address), success;
}
API int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t size, void *stream) {
    REQUIRE_CONTEXT;
    require_memory(to, size, "the target of a copy"), require_pinned(from, size);
    return enqueue(stream, [=] { memcpy((void *)to, from, size); });
}
API int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t size, void *stream) {
    REQUIRE_CONTEXT;
    require_memory(from, size, "the source of a copy"), require_pinned(to, size);
    return enqueue(stream, [=] { memcpy(to, (void *)from, size); });
}
API int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t size, void *stream) {
    REQUIRE_CONTEXT;
    require_memory(to, size, "the target of a copy"), require_memory(from, size, "the source of a copy");
    return enqueue(stream, [=] { memmove((void *)to, (void *)from, size); });
}

// -- streams and graphs

API int cuStreamCreate(void **stream, unsigned) {
    REQUIRE_CONTEXT;
    return *stream = gpu.streams.add({current.back(), {}, {}, {}}), success;
}
API int cuStreamDestroy_v2(void *stream) { return gpu.streams.remove(stream), success; }
API int cuStreamSynchronize(void *stream) {
    REQUIRE_CONTEXT;
    REQUIRE_NO_CAPTURE;
    return wait_for(gpu.streams.get(stream));
}
API int cuStreamBeginCapture_v2(void *handle, int) {
    REQUIRE_CONTEXT;
    Stream &stream = gpu.streams.get(handle);
    if (stream.capture) return illegal_state;
    stream.capture = std::make_shared<Capture>(Capture{&stream, {}, {}, false});
    return stream.last.clear(), success;
}
API int cuStreamEndCapture(void *handle, void **graph) {
    Stream &stream = gpu.streams.get(handle);
    const std::shared_ptr<Capture> capture = stream.capture;
    *graph = nullptr;
    if (!capture || capture->origin != &stream) return illegal_state;
    Nodes joined = stream.last;
    for (const Nodes &after : capture->after) joined.insert(after.begin(), after.end());
    for (Stream *other : gpu.streams.all)
        if (other->capture == capture) other->capture = nullptr;
    if (capture->invalid) return capture_invalidated;
    if (joined.size() < capture->work.size()) return capture_unjoined;
    return *graph = gpu.graphs.add(capture->ordered()), success;
}
API int cuEventCreate(void **event, unsigned) {
    REQUIRE_CONTEXT;
    return *event = gpu.events.add({}), success;
}
API int cuEventDestroy_v2(void *event) { return gpu.events.remove(event), success; }
API int cuEventRecord(void *handle, void *stream) {
    REQUIRE_CONTEXT;
    const Stream &of = gpu.streams.get(stream);
    if (!of.capture) misuse("cuEventRecord on a stream that is not captured is not imitated");
    gpu.events.get(handle) = {of.capture, of.last};
    return success;
}
API int cuStreamWaitEvent(void *handle, void *event, unsigned) {
    REQUIRE_CONTEXT;
    Stream &stream = gpu.streams.get(handle);
    const Event &awaited = gpu.events.get(event);
    if (!awaited.capture) misuse("an event of no capture is awaited");
    if (stream.capture && stream.capture != awaited.capture) misuse("an event of another capture is awaited");
    if (!stream.capture) stream.capture = awaited.capture, stream.last.clear();
    stream.last.insert(awaited.last.begin(), awaited.last.end());
    return success;
}
API int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long) {
    REQUIRE_CONTEXT;
    return *executable = gpu.executables.add(gpu.graphs.get(graph)), success;
}
API int cuGraphLaunch(void *executable, void *stream) {
    REQUIRE_CONTEXT;
    for (auto &step : gpu.executables.get(executable)) enqueue(stream, step);
    return success;
}
API int cuGraphDestroy(void *graph) { return gpu.graphs.remove(graph), success; }
API int cuGraphExecDestroy(void *executable) {
    REQUIRE_CONTEXT;
    wait_for_all();  // a launch that is still running completes
    return gpu.executables.remove(executable), success;
}

// -- modules and kernels

API int cuModuleLoadDataEx(void **module, const void *image, unsigned, void *, void *) {
    REQUIRE_CONTEXT;
    REQUIRE_NO_CAPTURE;
    size_t size;  // of the library that nvcc.py puts after the first line
    if (sscanf((const char *)image, "fake cubin %zu", &size) != 1) return invalid_image;
    const char *const code = strchr((const char *)image, '\n') + 1;
    const int file = memfd_create("kernels", 0);
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    const bool whole = write(file, code, size) == (ssize_t)size;
    void *library = whole ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
    close(file);
    const auto *table = library ? (const Module *)dlsym(library, "hw5_module") : nullptr;
    if (!table) return invalid_image;
    LoadedModule *const loaded = hw5_load(table);
    std::istringstream shared(code + size);  // as nvcc.py appends them
    std::string name;
    int space;
    uint64_t offset, bytes;
    while (shared >> name >> space >> offset >> bytes) hw5_declare(loaded, name.c_str(), space, offset, bytes);
    return *module = gpu.modules.add({loaded}), success;
}
API int cuModuleLoadData(void **module, const void *image) { return cuModuleLoadDataEx(module, image, 0, 0, 0); }
API int cuModuleUnload(void *module) { return gpu.modules.remove(module), success; }  // the emulator keeps the library
API int cuModuleGetFunction(void **function, void *module, const char *name) {
    REQUIRE_CONTEXT;
    Code &code = gpu.modules.get(module);
    for (int i = 0; i < code.loaded->module->kernel_count; ++i) {
        const Kernel &kernel = code.loaded->module->kernels[i];
        if (!strcmp(kernel.name, name)) return *function = gpu.functions.add({&code, &kernel}), success;
    }
    return not_found;
}
API int cuFuncSetBlockShape(void *, int, int, int) { return state(); }
static const int static_shared = 1024;  // bytes, of any function
API int cuFuncGetAttribute(int *value, int, void *) { return *value = static_shared, state(); }
API int cuFuncSetAttribute(void *handle, int attribute, int value) {
    REQUIRE_CONTEXT;
    const int max_dynamic_shared_size_bytes = 8;
    if (attribute != max_dynamic_shared_size_bytes || value < 0) return invalid_value;
    if (value > (227 << 10) - static_shared) return invalid_value;
    return gpu.functions.get(handle).most_shared = value, success;
}
API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *handle, int threads, size_t shared) {
    REQUIRE_CONTEXT;
    const bool fits = shared <= gpu.functions.get(handle).most_shared;
    return *blocks = fits ? std::min<size_t>(2048 / threads, (228 << 10) / (shared + 1024)) : 0, success;
}
static int launch_kernel(void *handle, Launch launch, void *stream, void **pointers, void **extra) {
    const Function &function = gpu.functions.get(handle);
    launch.module = gpu.modules.get(function.code).loaded;
    launch.kernel = function.kernel;
    if (launch.shared > function.most_shared || !is_launchable(launch)) return invalid_value;
    const std::vector<Slot> slots = parameters(*function.kernel, pointers, extra);
    require_valid_pointers(*function.kernel, slots);
    return enqueue(stream, [launch, slots] { run(launch, slots); });
}
API int cuLaunchKernel(void *handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                       unsigned shared, void *stream, void **pointers, void **extra) {
    REQUIRE_CONTEXT;
    if (gpu.functions.get(handle).kernel->cooperative) misuse("blocks wait for each other, but not all may be resident");
    const Launch launch = {nullptr, nullptr, 0, 0.0, Order::forward, 1, shared, {gx, gy, gz}, {bx, by, bz}, {}};
    return launch_kernel(handle, launch, stream, pointers, extra);
}
API int cuLaunchCooperativeKernel(void *handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                  unsigned bz, unsigned shared, void *stream, void **pointers) {
    int resident;
    REQUIRE_CONTEXT;
    if (gpu.streams.get(stream).capture) misuse("a cooperative launch is recorded, which is not imitated");
    cuOccupancyMaxActiveBlocksPerMultiprocessor(&resident, handle, bx * by * bz, shared);
    if (gx * gy * gz > 132u * resident) return cooperative_too_large;
    const Launch launch = {nullptr, nullptr, 0, 0.0, Order::forward, 1, shared, {gx, gy, gz}, {bx, by, bz}, {}};
    return launch_kernel(handle, launch, stream, pointers, nullptr);
}

// -- the other doors

// The newest version of a function, as cuda-bindings looks functions up.
API int cuGetProcAddress_v2(const char *name, void **function, int, uint64_t, int *status) {
    static const std::map<std::string, const char *> renamed = {{"cuGraphInstantiate", "cuGraphInstantiateWithFlags"}};
    static void *const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    const auto other = renamed.find(name);
    *function = dlsym(library, other == renamed.end() ? (std::string(name) + "_v2").c_str() : other->second);
    if (!*function) *function = dlsym(library, name);
    if (status) *status = *function ? 0 : 1;  // CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
    return *function ? success : not_found;
}
API int cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}

// For libcublas.cpp: enqueue work with a copy of its argument, after checking the matrices.
API int fake_gpu_enqueue(void *stream, void (*work)(const void *), const void *argument, size_t size) {
    REQUIRE_CONTEXT;
    const std::string copy((const char *)argument, size);
    return enqueue(stream, [work, copy] { work(copy.data()); });
}
API void fake_gpu_require_memory(const void *start, size_t size, const char *what) {
    require_memory((Address)start, size, what);
}
API int fake_gpu_is_capturing(void *stream) { return gpu.streams.get(stream).capture != nullptr; }

// Functions that PyCUDA links and nobody calls.
#define UNUSED(name) API int name() { return not_supported; }
#include "unused.h"
