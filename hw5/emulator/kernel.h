// hw5::describe<f>("f", {"file.cu", 1}) makes the Kernel of f: its signature, by which Python packs the arguments, and
// the function that unpacks them. build.py appends one such line for each kernel to its file.
#pragma once

namespace hw5 {

// Format characters of Python's struct module.
template <class T> constexpr char type_code = '\0';
template <class T> constexpr char type_code<T *> = 'P';
template <class T> constexpr char type_code<const T> = type_code<T>;
template <> inline constexpr char type_code<bool> = '?';
template <> inline constexpr char type_code<char> = 'b';
template <> inline constexpr char type_code<signed char> = 'b';
template <> inline constexpr char type_code<unsigned char> = 'B';
template <> inline constexpr char type_code<short> = 'h';
template <> inline constexpr char type_code<unsigned short> = 'H';
template <> inline constexpr char type_code<int> = 'i';
template <> inline constexpr char type_code<unsigned> = 'I';
template <> inline constexpr char type_code<long> = 'q';
template <> inline constexpr char type_code<unsigned long> = 'Q';
template <> inline constexpr char type_code<long long> = 'q';
template <> inline constexpr char type_code<unsigned long long> = 'Q';
template <> inline constexpr char type_code<float> = 'f';
template <> inline constexpr char type_code<double> = 'd';

// Indices<0, 1, ..., n - 1>, like std::make_index_sequence.
template <int...> struct Indices {};
template <int n, int... rest> struct UpTo : UpTo<n - 1, n - 1, rest...> {};
template <int... all> struct UpTo<0, all...> { using indices = Indices<all...>; };

template <auto kernel> struct Unpack;
template <class... T, void (*kernel)(T...)> struct Unpack<kernel> {
    static_assert(((type_code<T> != '\0') && ...), "kernel parameters must be pointers or numbers");
    static_assert(sizeof...(T) <= max_arguments, "too many kernel parameters");
    static constexpr char signature[] = {type_code<T>..., '\0'};

    template <int... i> static inline HW5_UNCHECKED void call(const Slot *slots, Indices<i...>) {
        kernel(*reinterpret_cast<const T *>(slots + i)...);
    }
    static HW5_UNCHECKED void run(const Slot *slots) { call(slots, typename UpTo<sizeof...(T)>::indices{}); }
};

template <auto kernel> constexpr Kernel describe(const char *name, Site site) {
    return {name, Unpack<kernel>::signature, site, Unpack<kernel>::run};
}

}  // namespace hw5
