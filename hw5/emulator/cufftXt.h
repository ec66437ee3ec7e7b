// The types of cuFFT's other header.
#pragma once
#include "cufft.h"
