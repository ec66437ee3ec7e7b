// The types that come with the header of Tensor Cores, whose operations the emulator does not have.
#pragma once
#include "cuda_bf16.h"
#include "cuda_fp16.h"
