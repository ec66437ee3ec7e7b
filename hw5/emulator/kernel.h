// hw5::describe<f>("f", {"file.cu", 1}, false) makes the Kernel of f: its signature, by which Python packs the arguments, and
// the function that unpacks them. build.py appends one such line for each kernel to its file.
#pragma once

namespace hw5 {

// Format characters of Python's struct module.
template <class T> constexpr char type_code = '\0';
template <class T> constexpr char type_code<T *> = 'P';
template <class T> constexpr char type_code<const T> = type_code<T>;
template <class T> constexpr char type_code<volatile T> = type_code<T>;
template <class T> constexpr char type_code<const volatile T> = type_code<T>;
template <> inline constexpr char type_code<void> = 'B';
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

// A structure is copied as bytes; an enumeration is passed as its integer.
template <class T, bool is_enum = __is_enum(T)> struct Integer { using type = T; };
template <class T> struct Integer<T, true> { using type = __underlying_type(T); };
template <class T> constexpr char parameter_code() {
    constexpr char code = type_code<typename Integer<T>::type>;
    return code ? code : 's';
}
template <class T> constexpr char target_code = ' ';
template <class T> constexpr char target_code<T *> = type_code<T> ? type_code<T> : 's';

// Indices<0, 1, ..., n - 1>, like std::make_index_sequence.
template <int...> struct Indices {};
template <int n, int... rest> struct UpTo : UpTo<n - 1, n - 1, rest...> {};
template <int... all> struct UpTo<0, all...> { using indices = Indices<all...>; };

// Where parameter i begins, in bytes; each begins a slot, and is aligned.
template <class... T> constexpr unsigned offset_of(int i) {
    const unsigned sizes[] = {sizeof(T)..., 0}, alignments[] = {alignof(T)..., 1};
    unsigned offset = 0;
    for (int k = 0; k <= i; k++) {
        const unsigned alignment = alignments[k] < sizeof(Slot) ? sizeof(Slot) : alignments[k];
        offset = (offset + alignment - 1) / alignment * alignment;
        if (k < i) offset += sizes[k];
    }
    return offset;
}

// How a parameter is passed; a reference, as a pointer.
template <class T> struct Passed {
    using type = T;
    static const T &take(const unsigned char *bytes) { return *reinterpret_cast<const T *>(bytes); }
};
template <class T> struct Passed<T &> {
    using type = T *;
    static HW5_UNCHECKED T &take(const unsigned char *bytes) { return **reinterpret_cast<T *const *>(bytes); }
};

template <auto kernel> struct Unpack;
template <class... T, void (*kernel)(T...)> struct Unpack<kernel> {
    static_assert(offset_of<typename Passed<T>::type...>(sizeof...(T)) <= max_arguments * sizeof(Slot),
                  "the parameters exceed 32,760 bytes");
    static constexpr char signature[] = {parameter_code<typename Passed<T>::type>()..., '\0'};
    static constexpr char targets[] = {target_code<typename Passed<T>::type>..., '\0'};
    static constexpr unsigned sizes[] = {sizeof(typename Passed<T>::type)..., 0};

    template <int... i> struct Offsets { static constexpr unsigned values[] = {offset_of<typename Passed<T>::type...>(i)..., 0}; };
    template <int... i> static constexpr const unsigned *offsets(Indices<i...>) { return Offsets<i...>::values; }
    static constexpr const unsigned *all_offsets = offsets(typename UpTo<sizeof...(T)>::indices{});
    template <int... i> static inline HW5_UNCHECKED void call(const Slot *slots, Indices<i...>) {
        kernel(Passed<T>::take((const unsigned char *)slots + offset_of<typename Passed<T>::type...>(i))...);
    }
    static HW5_UNCHECKED void run(const Slot *slots) { call(slots, typename UpTo<sizeof...(T)>::indices{}); }
};

template <auto kernel> constexpr Kernel describe(const char *name, Site site, bool cooperative) {
    using Of = Unpack<kernel>;
    return {name, Of::signature, Of::targets, Of::sizes, Of::all_offsets, site, Of::run, cooperative};
}

}  // namespace hw5
