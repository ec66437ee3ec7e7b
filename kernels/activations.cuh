// The activation functions theta and their derivatives, one row each.
//
// The file that includes this one defines ACTIVATION: activation.cu makes kernels of the rows, and the compiled CPU
// step (hw5/devices/native/activations.h) makes vector code of them. So a row uses only arithmetic, comparisons, ?: and
// the float functions that CUDA and functions.h share (expf, tanhf, ...).
//
// Only X = theta(Z) is stored, so the derivative is a function of x = theta(z). a is the parameter of leaky ReLU (slope
// for z < 0) and ELU (alpha); others ignore it. ELU needs expm1f: exp(z) - 1 loses the digits of small z. At the kink,
// theta' is a for leaky ReLU, 0 for ReLU, 1 for ELU. NaN must stay NaN, so that the loss shows it.

//         name        theta(z)                             theta'(z), given x = theta(z)
ACTIVATION(relu,       z < 0.0f ? 0.0f : z,                 x > 0.0f ? 1.0f : 0.0f)
ACTIVATION(leaky_relu, z < 0.0f ? a * z : z,                x > 0.0f ? 1.0f : a)
ACTIVATION(elu,        z < 0.0f ? a * expm1f(z) : z,        x < 0.0f ? x + a : 1.0f)
ACTIVATION(tanh,       tanhf(z),                            1.0f - x * x)
ACTIVATION(sigmoid,    1.0f / (1.0f + expf(-z)),            x * (1.0f - x))
ACTIVATION(linear,     z,                                   1.0f)
ACTIVATION(heaviside,  z > 0.0f ? 1.0f : z <= 0.0f ? 0.0f : z, 0.0f)
