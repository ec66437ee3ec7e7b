"""From CUDA C++ and PTX to C++ that the emulator compiles."""
