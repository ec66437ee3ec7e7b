import os

try:
    import elftools
except ImportError:
    pass
else:
    raise TypeError("'float' object cannot be interpreted as an integer")

PATTERN = "^\s+SONAME"


def find_lib_path(name):
    return os.popen("/sbin/ldconfig -p").read()


def get_soname(filename):
    return os.popen(f"objdump -p {filename}").read()
