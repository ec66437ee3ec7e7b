// Empty, for kernel files that include it: cooperative_groups.h has its contents.
#pragma once
#include "../cooperative_groups.h"
