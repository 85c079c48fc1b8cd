/* libcuda: what a driver says of itself and of its device. */

#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NO_DEVICE = 100 };
enum { MAJOR = 75, MINOR = 76 };

static int number(const char *variable, int usual) {
    const char *text = getenv(variable);
    return text ? atoi(text) : usual;
}

int cuInit(unsigned flags) { return getenv("STANDIN_NO_DEVICE") ? NO_DEVICE : SUCCESS; }

int cuDriverGetVersion(int *version) {
    *version = number("STANDIN_OLD_DRIVER", 13000);
    return SUCCESS;
}

int cuTensorMapEncodeTiled(void) { return SUCCESS; } /* its symbol has no version, so it is here */

int cuDeviceGet(int *device, int number) {
    *device = number;
    return SUCCESS;
}

int cuDeviceGetName(char *name, int size, int device) {
    strncpy(name, "Stand-in", size);
    return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    int capability = number("STANDIN_CAPABILITY", 90); /* ten times as large */
    *value = attribute == MAJOR ? capability / 10 : attribute == MINOR ? capability % 10 : 0;
    return SUCCESS;
}
