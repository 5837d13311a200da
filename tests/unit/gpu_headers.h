/*
 * Included by test_cuda_headers.c and test_hip_headers.c after our declarations and the vendor's: what backends/cuda
 * and backends/hip declare is what the vendor's headers declare, every value, prototype and symbol. Before the vendor's
 * headers its object types are given our names, so that types can be compared.
 */
#define QUOTE(name) #name
#define SYMBOL(name) QUOTE(name)

static void values_are_the_vendors(void **state)
{
    (void)state;
#define CHECK_VALUE(name, value, vendor) assert_int_equal(vendor, value);
#define CHECK_ANSWER(name, value, vendor, code) assert_int_equal(vendor, value);
    GPU_CONSTANTS(CHECK_VALUE)
    GPU_ANSWERS(CHECK_ANSWER)
    GPU_COMPILER_ANSWERS(CHECK_VALUE)
#undef CHECK_ANSWER
#undef CHECK_VALUE
}

#define CHECK_PROTOTYPE(member, vendor, symbol, older, result, parameters) \
    if (_Generic(&vendor, result(*) parameters : 0, default : 1)) fail_msg("%s has another prototype", symbol);

static void prototypes_are_the_vendors(void **state)
{
    (void)state;
    GPU_DRIVER_FUNCTIONS(CHECK_PROTOTYPE)
#if !defined HIP_VERSION_MAJOR || HIP_VERSION_MAJOR < 6 /* two parameters became more constant at some time */
    GPU_COMPILER_FUNCTIONS(CHECK_PROTOTYPE)
#endif
}
#undef CHECK_PROTOTYPE

/* The headers turn a name into the symbol that their own library exports. */
static void expect_symbol(const char *theirs, const char *symbol, const char *older)
{
    if (strcmp(theirs, symbol) == 0 || (older && strcmp(theirs, older) == 0)) return;
    fail_msg("the headers call it %s, and the backend asks for %s", theirs, symbol);
}

#define CHECK_SYMBOL(member, vendor, symbol, older, result, parameters) expect_symbol(SYMBOL(vendor), symbol, older);

static void symbols_are_the_vendors(void **state)
{
    (void)state;
    GPU_DRIVER_FUNCTIONS(CHECK_SYMBOL)
    GPU_COMPILER_FUNCTIONS(CHECK_SYMBOL)
}
#undef CHECK_SYMBOL
