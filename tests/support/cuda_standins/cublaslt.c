/* libcublasLt: handles alone; its products are for quantised networks, which none is here. */

static int make(void **handle) {
    static int made;
    *handle = &made;
    return 0;
}

int cublasLtCreate(void **handle) { return make(handle); }
int cublasLtDestroy(void *handle) { return 0; }
