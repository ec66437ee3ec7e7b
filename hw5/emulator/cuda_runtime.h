// A kernel file may include CUDA's headers; what it needs of this one is already there.
#pragma once
