"""curand's device API: the numbers of NVIDIA's own header, compiled for the host by nvcc."""

import numpy as np
import pytest

from hw5.errors import InputError

from .support import Emulator, write_kernel

KERNEL = """
#include <curand_kernel.h>

template <class State> __global__ void draw(unsigned *bits, double *numbers, unsigned *after, unsigned long long seed,
                                            unsigned long long subsequence, unsigned long long offset) {
    State s;
    curand_init(seed, subsequence, offset, &s);
    for (int i = 0; i < 6; i++) bits[i] = curand(&s);
    *numbers++ = curand_uniform(&s);
    *numbers++ = curand_uniform_double(&s);
    for (int i = 0; i < 3; i++) *numbers++ = curand_normal(&s);
    for (int i = 0; i < 3; i++) *numbers++ = curand_normal_double(&s);
    *numbers++ = curand_log_normal(&s, 0.5f, 0.25f);
    const float2 a = curand_normal2(&s);
    const double2 b = curand_normal2_double(&s);
    *numbers++ = a.x, *numbers++ = a.y, *numbers++ = b.x, *numbers++ = b.y;
    skipahead(1000003ull, &s);
    after[0] = curand(&s);
    skipahead_sequence(12345ull, &s);
    after[1] = curand(&s);
}

__global__ void fours(float *y, double *d) {
    curandStatePhilox4_32_10_t s;
    curand_init(9, 8, 7, &s);
    *(float4 *)y = curand_uniform4(&s);
    *(float4 *)(y + 4) = curand_normal4(&s);
    *(double2 *)d = curand_uniform2_double(&s);
}

// As most programs do: one kernel sets the states up, and another draws.
__global__ void set_up(curandState *states, unsigned long long seed) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    curand_init(seed, i, 0, &states[i]);
}
__global__ void estimate(curandState *states, float *y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    curandState local = states[i];
    float sum = 0;
    for (int k = 0; k < n; k++) sum += curand_uniform(&local);
    states[i] = local;
    y[i] = sum / n;
}
"""
INSTANCES = ["draw<curandState>", "draw<curandStatePhilox4_32_10_t>", "draw<curandStateMRG32k3a_t>"]

# By generator, seed, subsequence and offset: six times curand; what `draw` draws next; and after a jump within the
# sequence, and to another one
# fmt: off
EXPECTED = {
    ("curandState", 0, 0, 0): (
        [3179217846, 1883133293, 2220552389, 674260989, 306521119, 1986458431],
        [0.227643266, 0.14406516578192247, -0.927174926, 1.57642365, -0.175963923, 0.78281947912954297,
         -0.4889359622921009, 1.0680969246216121, 1.60481572, 0.199053645, -0.0760775656, -1.2831478919163235, -0.50113706846855799],
        [4203578712, 3757971621],
    ),
    ("curandState", 1234, 0, 0): (
        [624778773, 1867875844, 3739671282, 1954919316, 3681184389, 2501467243],
        [0.201403871, 0.30077175010334462, -0.657692313, -1.25434792, -0.017826112, 0.53706387597362215,
         0.43276327245575225, -2.18765064685702, 2.27147222, 0.215160012, 0.275684655, 0.88071121203929614, 0.93680307043673638],
        [31792558, 525420858],
    ),
    ("curandState", 1234, 1, 0): (
        [3522650202, 3978931785, 2198015705, 2308946676, 3475686971, 75263415],
        [0.449337572, 0.13630766399847177, 0.846454799, 1.11008441, -0.189703569, 0.41551370847792407,
         -0.27372814914273974, 1.596560953402036, 1.31756234, -0.122168869, -2.04230952, -0.92081172328171756, 1.1368605754807641],
        [13253940, 651655006],
    ),
    ("curandState", 1234, 77, 5): (
        [4113011543, 1602733491, 3563552947, 411432086, 1777568378, 3768919727],
        [0.358714998, 0.0020573295091316779, 0.809412479, -0.292659581, -0.223206833, -0.30080319274633721,
         -0.40364007107488586, 1.9079954597595308, 0.636627138, -1.89681756, -0.216032267, -1.1103673019596247, -0.61922065741908638],
        [822266579, 2795475886],
    ),
    ("curandState", 1234567890123, 1000000007, 123456789012): (
        [570195092, 4270672229, 3597752958, 3255025436, 1873542066, 4231437045],
        [0.308959335, 0.59152769165952446, 0.839546621, -1.03985012, 0.221268073, 0.71827254006963948,
         -0.95416543415953003, 0.19254576035203522, 2.26183653, 0.621602952, -0.453765839, -0.87561051419113722, -0.20656735187341557],
        [3324824109, 1083879563],
    ),
    ("curandState", 42, 1125899906854969, 9223372036854775811): (
        [2184560596, 276466291, 1903319014, 3806512652, 2545664226, 189228482],
        [0.799133062, 0.62058085684836439, -0.215970829, -0.35955593, 0.266321629, 2.1764974871001006,
         0.25337947603407129, -0.49733002724100761, 2.01025581, 0.117112659, -0.388459265, -0.93929958833070071, 0.40583297203897084],
        [2564719320, 2893537862],
    ),
    ("curandStatePhilox4_32_10_t", 0, 0, 0): (
        [1713891541, 3781805453, 3159862348, 2600524760, 4175744164, 1555169499],
        [0.693930924, 0.037094080820679665, 2.54409719, -1.18635809, 1.96113145, 0.58879303697750685,
         -1.1881754648866638, -0.42620584005128648, 1.74155927, 0.705181777, -0.550313175, 0.1408336212155909, 0.63881491293640913],
        [285931921, 644414746],
    ),
    ("curandStatePhilox4_32_10_t", 1234, 0, 0): (
        [546353992, 3665621163, 1140953199, 3419031310, 2666454581, 482218876],
        [0.977164328, 0.080060798907652497, -0.162294447, 1.65918005, -0.149344906, -1.0829307052989563,
         1.663260235367402, -0.064744066078547116, 1.9415158, -0.438815802, -0.731305242, -0.83667938014261434, -0.34276557556955972],
        [625571378, 3601750427],
    ),
    ("curandStatePhilox4_32_10_t", 1234, 1, 0): (
        [3507855656, 1392278645, 3354607383, 253049307, 118660703, 1698527859],
        [0.115283117, 0.52732888981699944, 1.80789053, -0.502855241, -0.881081104, 0.26053669656083162,
         0.40876019561245058, 0.55232456102827099, 2.06922126, -0.920977712, -1.34226465, -2.2342685510161187, 0.47288348112624257],
        [4004943350, 2749065292],
    ),
    ("curandStatePhilox4_32_10_t", 1234, 77, 5): (
        [1212756008, 792187149, 4214814024, 2094081686, 530129520, 775103400],
        [0.902872205, 0.87478092149831355, -1.83812511, 0.137132719, 0.551088214, 1.2806156343456341,
         1.618030645339124, -1.907029484916889, 2.11078072, 0.614753664, 1.56196082, -0.10917886361893703, -0.91840664209998213],
        [3549730917, 1228416448],
    ),
    ("curandStatePhilox4_32_10_t", 1234567890123, 1000000007, 123456789012): (
        [2915634923, 268890672, 1128669232, 2249123931, 2150907007, 1767025148],
        [0.971170425, 0.88886853400617838, 1.6779387, 0.363368213, 0.173731923, -0.15477124993464617,
         -1.3446896699190458, -0.56214989616717259, 1.77180493, -0.475797653, 0.0664348751, -0.35427321994694871, 0.30838924449220834],
        [623472389, 492245991],
    ),
    ("curandStatePhilox4_32_10_t", 42, 1125899906854969, 9223372036854775811): (
        [3714816706, 468548279, 1831385892, 910509039, 2912097651, 541522607],
        [0.268983722, 0.82487949915230274, -0.529981732, -1.65270221, -0.59212482, -1.4939573324012514,
         2.4421016511762561, 0.66893789275759696, 1.24947274, 0.375650257, -0.0351907536, -1.165365856920398, 1.0994861350834266],
        [1672803583, 3436947237],
    ),
    ("curandStateMRG32k3a_t", 0, 0, 0): (
        [545508615, 1368065476, 1327943825, 3546985268, 951893240, 2290915747],
        [0.480774194, 0.35555987952091145, -1.99624109, 0.0734365433, 0.56285727, 1.4938266849875141,
         0.090421672129880504, -0.56303418315795295, 1.790923, 0.204982325, 0.162127376, 0.68374494060656898, 0.31374363204429478],
        [188443367, 3350673551],
    ),
    ("curandStateMRG32k3a_t", 1234, 0, 0): (
        [3379073520, 2521876100, 213678209, 1604391373, 2253011095, 4200718073],
        [0.399929374, 0.80102633694524517, -0.216550007, -1.48649585, -0.518003583, 1.2780666748105993,
         0.44058818585529486, -1.1641718988979646, 1.19999409, -1.73309219, -0.269017518, -0.28068111776861204, 1.1752099527164879],
        [790149811, 4095038018],
    ),
    ("curandStateMRG32k3a_t", 1234, 1, 0): (
        [653317650, 2890950871, 2749090064, 2410030135, 1992398857, 2170368389],
        [0.38535285, 0.097930522278761298, 0.481460541, 2.02595496, 1.55518663, -1.0330987102164444,
         0.30538800004853167, 1.2354987138835503, 2.59839439, 1.99454856, -1.31693113, 0.63784438326443638, -1.4342723530814456],
        [3715918020, 1985237349],
    ),
    ("curandStateMRG32k3a_t", 1234, 77, 5): (
        [2719411217, 242481962, 4164036063, 3330696427, 726732565, 1005620694],
        [0.219059169, 0.9096089552874379, 1.65055919, 0.942147374, -0.401257277, -0.69880247617126234,
         -0.204541677145474, 1.1968475769394213, 1.47797644, 0.442652911, 0.477205396, 0.35774752315443853, -1.446409346748345],
        [3641475030, 2549971528],
    ),
    ("curandStateMRG32k3a_t", 1234567890123, 1000000007, 123456789012): (
        [1637996409, 1176441201, 550489401, 2990964138, 1358000314, 2298186721],
        [0.93239361, 0.85485138247346948, -2.83255196, -1.16438437, 1.25506318, 1.3272105580618672,
         0.33600059277651922, 1.3893340605123718, 2.06597567, -0.154435888, -0.31781885, 1.530406295689789, -0.4369203734630806],
        [2090435269, 3678855286],
    ),
    ("curandStateMRG32k3a_t", 42, 1125899906854969, 9223372036854775811): (
        [1429182334, 1223886059, 3734533934, 3778151418, 4180189874, 501548496],
        [0.79186213, 0.72909356010625004, -0.536454499, -1.29324114, -0.918842971, 0.57083421780724641,
         -1.1520863126132459, -0.95265784102955253, 1.44337249, -0.636125147, 0.224135116, 0.23269971547360283, -0.21708583250995328],
        [2215395225, 2275479424],
    ),
}
# fmt: on


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def emulator(request, tmp_path_factory):
    file = write_kernel(tmp_path_factory.mktemp("k"), KERNEL)
    return Emulator(file, check=request.param, instances=INSTANCES)


@pytest.mark.parametrize("key", EXPECTED, ids=lambda key: "-".join(map(str, key)))
def test_the_numbers_of_nvidia(emulator, key):
    generator, *seeding = key
    bits, numbers, after = np.zeros(6, np.uint32), np.zeros(13), np.zeros(2, np.uint32)
    emulator.run(f"draw<{generator}>", 1, 1, [bits, numbers, after, *seeding])
    expected_bits, expected_numbers, expected_after = EXPECTED[key]
    assert bits.tolist() == expected_bits and after.tolist() == expected_after
    assert np.float32(numbers[0]) == np.float32(expected_numbers[0]) and numbers[1] == expected_numbers[1]
    # float32's logarithm, sine and cosine of the C library, which may be rounded differently
    np.testing.assert_allclose(numbers, expected_numbers, rtol=2e-6, atol=1e-6)
    doubles = [5, 6, 7, 11, 12]
    np.testing.assert_allclose(numbers[doubles], np.take(expected_numbers, doubles), rtol=1e-13, atol=1e-14)


def test_four_at_once(emulator):
    y, d = np.zeros(8, np.float32), np.zeros(2)
    emulator.run("fours", 1, 1, [y, d])
    expected = [0.998473704, 0.282952905, 0.75374645, 0.244447336]
    assert y[:4].tolist() == np.float32(expected).tolist()
    np.testing.assert_allclose(y[4:], [-0.152338848, -0.477150917, -0.45599848, -1.3180716], rtol=2e-6)
    np.testing.assert_allclose(d, [0.56845684288872778, 0.12940713660858211], rtol=1e-15)


def test_states_in_global_memory(emulator):
    states, y = np.zeros(192 * 48, np.uint8), np.zeros(192, np.float32)
    emulator.run("set_up", 3, 64, [states, 1234])
    emulator.run("estimate", 3, 64, [states, y, 1])
    first = np.float32(2**-32) * np.float32([EXPECTED["curandState", 1234, k, 0][0][0] for k in (0, 1)])
    np.testing.assert_allclose(y[:2], first, rtol=1e-6)
    emulator.run("estimate", 3, 64, [states, y, 1])
    np.testing.assert_allclose(y[0], 2**-32 * EXPECTED["curandState", 1234, 0, 0][0][1], rtol=1e-6)
    emulator.run("estimate", 3, 64, [states, y, 500])
    assert abs(y.mean() - 0.5) < 0.005 and len(np.unique(y)) > 150


@pytest.mark.parametrize("name", ["curandStateSobol32", "curandStateMtgp32_t"])
def test_other_generators_are_refused_by_name(tmp_path, name):
    text = f"#include <curand_kernel.h>\n__global__ void k({name} *s) {{}}\n"
    with pytest.raises(InputError, match=f"k.cu:2: {name}: the emulator does not have curand's other generators"):
        Emulator(write_kernel(tmp_path, text))
