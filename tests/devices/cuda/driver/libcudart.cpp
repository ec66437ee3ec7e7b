// The CUDA runtime library, of which nothing is called; but scikit-cuda looks its functions up when it is imported.
#define UNUSED(name) extern "C" __attribute__((visibility("default"))) int name() { return 0; }
#include "unused.h"
