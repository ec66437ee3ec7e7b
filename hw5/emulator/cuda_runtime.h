// Empty, for kernel files that include it: cuda.h has its contents.
#pragma once
