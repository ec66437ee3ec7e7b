// The activation functions theta and their derivatives, one row each.
//
// The file that includes this one defines ACTIVATION: activation.cu makes kernels of the rows, and the compiled CPU step
// (hw5/devices/native/activations.h) makes vector code of the same rows. So a row uses only arithmetic, comparisons, ?:
// and the float functions of CUDA and C++ (expf, tanhf, ...).
//
// A layer keeps only X = theta(Z), so theta' is a function of x = theta(z). a is the parameter of those that have one.
// A NaN must remain a NaN, so that the loss shows it.
//         name        theta(z)                             theta'(z), given x = theta(z)
ACTIVATION(relu,       z < 0.0f ? 0.0f : z,                 x > 0.0f ? 1.0f : 0.0f)
ACTIVATION(leaky_relu, z < 0.0f ? a * z : z,                x > 0.0f ? 1.0f : a)
ACTIVATION(elu,        z < 0.0f ? a * expm1f(z) : z,        x < 0.0f ? x + a : 1.0f)
ACTIVATION(tanh,       tanhf(z),                            1.0f - x * x)
ACTIVATION(sigmoid,    1.0f / (1.0f + expf(-z)),            x * (1.0f - x))
ACTIVATION(linear,     z,                                   1.0f)
ACTIVATION(heaviside,  z > 0.0f ? 1.0f : z <= 0.0f ? 0.0f : z, 0.0f)
