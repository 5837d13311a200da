/*
 * Fast is held to exact: the gradients of small Qwen3 models in numerics fast against those in exact, for the same
 * weights and tokens, in f32 and bf16, tensor by tensor and layer by layer: relative L2 distance and cosine, within the
 * limits of docs/numerics.md, section 11. The bits of fast must be the same again, on 1, 2 and 3 threads and with all
 * recomputed; those of exact also for other micro-batches.
 *
 * usage: strait_held [-v] [--isa NAME] [--dtype f32|bf16] [--shape NAME] [--differ]
 * Prints "ok", "FAIL" or "skip" with the reason; "skip" where every op computes as exact does, so that there is nothing
 * to compare but equality of bits, which is checked. --differ makes that a failure. -v prints each tensor.
 */
#include "tests/exact/tiny.h"
#include "train/tolerance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct shape {
    const char *name;
    int hidden;
    int intermediate;
    int layers;
    int heads;
    int key_heads;
    int head_dim;
    int vocabulary;
    bool tied;
    int sequences;
    int length;
} shape;

/* Odd sizes everywhere; depth; sums longer than 512 over inputs and over tokens; a vocabulary of many tiles. */
static const shape shapes[] = {
    {"odd", 20, 37, 2, 6, 2, 6, 530, false, 4, 70},
    {"deep", 48, 112, 4, 4, 1, 12, 263, true, 3, 40},
    {"long", 40, 560, 1, 4, 2, 10, 131, false, 9, 64},
    {"vocabulary", 32, 72, 1, 2, 2, 16, 2111, false, 2, 33},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* Which of the shape's gradients: how they are computed. */
typedef struct form {
    const char *isa;
    strait_dtype dtype;
    strait_numerics numerics;
    int threads;
    int micro_batch; /* 0: all sequences */
    strait_recompute recompute;
} form;

/* The ops that ran, and those whose kernel is not bound to the bits of exact. */
typedef struct census {
    strait_device *device;
    int ops;
    int own;
} census;

typedef struct gradients {
    float *flat;
    double loss;
    int ops;
    int own;
} gradients;

typedef struct options {
    const char *isa;
    const char *dtype;
    const char *shape;
    bool differ;
    bool verbose;
    int equal; /* shapes in which nothing was to be compared */
    int ok;
    int failed;
} options;

static void report(options *o, bool good, const char *title, const char *what, const char *why)
{
    printf("%s held-%s-%s %s\n", good ? "ok" : "FAIL", title, what, why);
    good ? o->ok++ : o->failed++;
}

/* ---- one computation of the gradients -----------------------------------------------------------------------------
 */

static void count_op(void *user, const strait_op_desc *desc, uint32_t absent, double seconds)
{
    (void)absent;
    (void)seconds;
    census *c = user;
    strait_op_info info = {.struct_size = sizeof info};
    c->ops++;
    if (strait_op_query(c->device, desc, &info) == STRAIT_OK && info.determinism != STRAIT_DETERMINISM_EXACT) c->own++;
}

static strait_engine_options engine_options(const shape *s, const form *f)
{
    return (strait_engine_options){.model = {.family = STRAIT_FAMILY_QWEN3,
                                             .vocab_size = s->vocabulary,
                                             .pad_token_id = -1,
                                             .hidden_size = s->hidden,
                                             .intermediate_size = s->intermediate,
                                             .num_hidden_layers = s->layers,
                                             .num_attention_heads = s->heads,
                                             .num_key_value_heads = s->key_heads,
                                             .head_dim = s->head_dim,
                                             .max_position_embeddings = s->length,
                                             .rms_norm_eps = 1e-6,
                                             .rope_theta = 10000,
                                             .tie_word_embeddings = s->tied,
                                             .dtype = f->dtype},
                                   .dtype = f->dtype,
                                   .numerics = f->numerics,
                                   .recompute = f->recompute,
                                   .length = s->length,
                                   .sequences = s->sequences,
                                   .micro_batch = f->micro_batch > 0 ? f->micro_batch : s->sequences,
                                   .shards = 1,
                                   .adamw = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .clip = 1}};
}

static strait_status compute(strait_engine *engine, const shape *s, census *c, gradients *out)
{
    int count = s->sequences * s->length;
    int32_t *ids;
    STRAIT_TRY(strait_engine_allocate(engine));
    STRAIT_TRY(
        strait_alloc(STRAIT_TAG_OTHER, (size_t)strait_engine_params(engine)->padded, sizeof *out->flat, &out->flat));
    /* Variance 1/hidden keeps the size of what goes through a product. */
    STRAIT_TRY(tiny_weights(engine, 1 / sqrt(s->hidden), out->flat));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 2 * (size_t)count, sizeof *ids, &ids));
    tiny_batch(ids, ids + count, NULL, s->sequences, s->length, s->vocabulary, 0, 1);
    strait_engine_batch batch = {.sequences = s->sequences, .tokens = ids, .targets = ids + count};
    strait_program_timer timer = {.node = count_op, .user = c};
    strait_step_result result = {0};
    strait_engine_set_timer(engine, &timer);
    strait_status status = strait_engine_gradients(engine, &batch, 1, 0, &result);
    strait_free(ids);
    STRAIT_TRY(status);
    out->loss = result.loss;
    out->ops = c->ops;
    out->own = c->own;
    return strait_engine_read(engine, STRAIT_ENGINE_GRADS, out->flat);
}

/* Leaves the engine, whose list of parameters is needed, to the caller where `out_engine` is given. */
static strait_status run(const shape *s, const form *f, gradients *out, strait_device **out_device,
                         strait_engine **out_engine)
{
    strait_engine_options planned = engine_options(s, f);
    strait_device_options device = {.struct_size = sizeof device, .threads = f->threads, .isa = f->isa};
    census c = {0};
    strait_engine *engine = NULL;
    *out = (gradients){0};
    STRAIT_TRY(strait_device_open("cpu", &device, &c.device));
    strait_status status = strait_engine_create(c.device, &planned, &engine);
    if (status == STRAIT_OK) status = compute(engine, s, &c, out);
    if (status == STRAIT_OK && out_engine) {
        *out_device = c.device;
        *out_engine = engine;
        return STRAIT_OK;
    }
    strait_engine_destroy(engine);
    strait_device_close(c.device);
    return status;
}

/* ---- the comparison -----------------------------------------------------------------------------------------------
 */

typedef struct sums {
    double difference;
    double fast;
    double exact;
    double product;
} sums;

static void add(sums *to, const float *fast, const float *exact, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double f = (double)fast[i], e = (double)exact[i];
        to->difference += (f - e) * (f - e);
        to->fast += f * f;
        to->exact += e * e;
        to->product += f * e;
    }
}

static double distance(const sums *s)
{
    return sqrt(s->difference / s->exact);
}

static double cosine(const sums *s)
{
    return s->product / sqrt(s->fast * s->exact);
}

/* The longest sum is over tokens, the vocabulary or the width of the middle of a layer. */
static double limit_of(const shape *s, strait_dtype dtype, int layer)
{
    int tokens = s->sequences * s->length;
    int longest = s->intermediate > s->vocabulary ? s->intermediate : s->vocabulary;
    if (tokens > longest) longest = tokens;
    return strait_gradient_limit(dtype, s->layers, layer, longest);
}

typedef struct verdict {
    bool good;
    double share; /* of its limit: the worst */
    char worst[200];
} verdict;

/* Written so that what is not a number fails. */
static void judge(const options *o, verdict *v, const char *name, const sums *s, double limit)
{
    double far = distance(s), cos = cosine(s), cos_limit = sqrt(1 - limit * limit);
    bool good = far <= limit && cos >= cos_limit;
    if (o->verbose) printf("  %-48s %.2e, limit %.2e; 1 - cosine %.1e\n", name, far, limit, 1 - cos);
    if (good && !(far / limit > v->share)) return;
    if (!good && !v->good && !(far / limit > v->share)) return;
    v->good = v->good && good;
    v->share = far / limit;
    snprintf(v->worst, sizeof v->worst, "%s %.2e (limit %.2e), 1 - cosine %.1e (limit %.1e)", name, far, limit, 1 - cos,
             1 - cos_limit);
}

static void compare(options *o, const char *title, const char *what, const shape *s, strait_dtype dtype,
                    const strait_params *params, const gradients *fast, const gradients *exact)
{
    verdict v = {.good = true, .worst = "nothing was compared"};
    char why[400], name[40];
    for (int layer = 0; layer <= s->layers; layer++) {
        sums all = {0};
        for (int32_t p = 0; p < params->count; p++) {
            const strait_param *item = &params->items[p];
            if (strait_layer_of(item->name, s->layers) != layer) continue;
            sums one = {0};
            add(&one, fast->flat + item->offset, exact->flat + item->offset, item->elements);
            add(&all, fast->flat + item->offset, exact->flat + item->offset, item->elements);
            judge(o, &v, item->name, &one, limit_of(s, dtype, layer));
        }
        snprintf(name, sizeof name, layer == s->layers ? "after the last layer" : "layer %d", layer);
        judge(o, &v, name, &all, limit_of(s, dtype, layer));
    }
    /* Logits of about unit size: an error of theirs is an error of the loss. */
    double loss = fabs(fast->loss - exact->loss), loss_limit = limit_of(s, dtype, s->layers);
    snprintf(why, sizeof why, "%d of %d ops by kernels of fast; worst %s; loss off by %.1e (limit %.1e)", fast->own,
             fast->ops, v.worst, loss, loss_limit);
    report(o, v.good && v.share > 0 && loss <= loss_limit, title, what, why);
}

static bool same_bits(const strait_params *params, const gradients *a, const gradients *b)
{
    for (int32_t p = 0; p < params->count; p++) {
        const strait_param *item = &params->items[p];
        size_t bytes = (size_t)item->elements * sizeof(float);
        if (memcmp(a->flat + item->offset, b->flat + item->offset, bytes) != 0) return false;
    }
    return a->loss == b->loss;
}

/* ---- a shape ------------------------------------------------------------------------------------------------------
 */

typedef struct setting {
    options *o;
    const shape *s;
    const char *isa;
    strait_dtype dtype;
    const strait_params *params;
    char title[100];
} setting;

/* Another form must give the bits of `like`. */
static strait_status must_repeat(const setting *t, form f, const char *what, const gradients *like)
{
    gradients again;
    strait_status status = run(t->s, &f, &again, NULL, NULL);
    if (status == STRAIT_OK) {
        bool same = same_bits(t->params, &again, like);
        report(t->o, same, t->title, what, same ? "the same bits" : "other bits");
    }
    strait_free(again.flat);
    return status;
}

static strait_status fast_forms(const setting *t, const gradients *exact)
{
    form f = {t->isa, t->dtype, STRAIT_NUMERICS_FAST, 1, 0, STRAIT_RECOMPUTE_NONE};
    gradients fast, other = {0};
    strait_status status = run(t->s, &f, &fast, NULL, NULL);
    if (status == STRAIT_OK && fast.own == 0) {
        bool same = same_bits(t->params, &fast, exact);
        if (!same)
            report(t->o, false, t->title, "equal", "no op has a kernel of fast, yet the bits are not those of exact");
        if (same && t->o->differ) report(t->o, false, t->title, "differs", "no op has a kernel of fast");
        if (same) t->o->equal++;
    } else if (status == STRAIT_OK) {
        compare(t->o, t->title, "gradients", t->s, t->dtype, t->params, &fast, exact);
        form two = f, three = f, micro = f;
        two.threads = 2;
        status = must_repeat(t, two, "again-on-2-threads", &fast);
        three.threads = 3;
        three.recompute = STRAIT_RECOMPUTE_FULL;
        if (status == STRAIT_OK) status = must_repeat(t, three, "on-3-threads-recomputed", &fast);
        /* The micro-batch is part of fast's bits, so only the limits hold for it. */
        micro.micro_batch = 1;
        if (status == STRAIT_OK) status = run(t->s, &micro, &other, NULL, NULL);
        if (status == STRAIT_OK) {
            compare(t->o, t->title, "micro-batch-1", t->s, t->dtype, t->params, &other, exact);
        }
    }
    strait_free(fast.flat);
    strait_free(other.flat);
    return status;
}

/*
 * Exact runs on the instruction set that is always there and shares no vector code with the others; on the one under
 * test it must have the same bits, with other threads, micro-batches and recomputation.
 */
static strait_status hold(options *o, const shape *s, const char *isa, strait_dtype dtype)
{
    setting t = {.o = o, .s = s, .isa = isa, .dtype = dtype};
    form generic = {"generic", dtype, STRAIT_NUMERICS_EXACT, 2, 0, STRAIT_RECOMPUTE_NONE};
    form here = {isa, dtype, STRAIT_NUMERICS_EXACT, 3, 1, STRAIT_RECOMPUTE_LIGHT};
    gradients exact;
    strait_device *device = NULL;
    strait_engine *engine = NULL;
    snprintf(t.title, sizeof t.title, "%s-%s-%s", isa, strait_dtype_name(dtype), s->name);
    strait_status status = run(s, &generic, &exact, &device, &engine);
    if (status == STRAIT_OK) {
        t.params = strait_engine_params(engine);
        status = must_repeat(&t, here, "exact", &exact);
        if (status == STRAIT_OK) status = fast_forms(&t, &exact);
    }
    strait_free(exact.flat);
    strait_engine_destroy(engine);
    strait_device_close(device);
    if (status != STRAIT_OK) report(o, false, t.title, "runs", strait_error_message());
    return status;
}

/* ---- what there is to hold ----------------------------------------------------------------------------------------
 */

static void hold_isa(options *o, const char *isa)
{
    strait_device_options device_options = {.struct_size = sizeof device_options, .threads = 1, .isa = isa};
    strait_device *device;
    if (strait_device_open("cpu", &device_options, &device) != STRAIT_OK) {
        if (o->isa) {
            report(o, false, isa, "opens", strait_error_message());
        } else {
            printf("skip held-%s %s\n", isa, strait_error_message());
        }
        return;
    }
    strait_device_close(device);
    static const strait_dtype dtypes[] = {STRAIT_DTYPE_F32, STRAIT_DTYPE_BF16};
    for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; d++) {
        const char *dtype = strait_dtype_name(dtypes[d]);
        if (o->dtype && strcmp(o->dtype, dtype) != 0) continue;
        o->equal = 0;
        for (int i = 0; i < SHAPES; i++) {
            if (o->shape && strcmp(o->shape, shapes[i].name) != 0) continue;
            if (hold(o, &shapes[i], isa, dtypes[d]) != STRAIT_OK) return;
            fflush(stdout);
        }
        if (o->equal == 0 || o->differ) continue;
        printf("skip held-%s-%s in %d shapes no op has a kernel of fast: the bits are those of exact, and nothing else "
               "can "
               "be compared\n",
               isa, dtype, o->equal);
    }
}

static bool parse(int argc, char **argv, options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "-v") == 0) {
            o->verbose = true;
        } else if (strcmp(argv[i], "--differ") == 0) {
            o->differ = true;
        } else if (strcmp(argv[i], "--isa") == 0 && value) {
            o->isa = argv[++i];
        } else if (strcmp(argv[i], "--dtype") == 0 && value) {
            o->dtype = argv[++i];
        } else if (strcmp(argv[i], "--shape") == 0 && value) {
            o->shape = argv[++i];
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static const char *const isas[] = {
#if defined(__x86_64__)
        "avx2",
        "avx512",
        "avx512bf16",
        "amx",
#elif defined(__aarch64__)
        "neon",
#else
        "generic",
#endif
    };
    options o = {0};
    if (!parse(argc, argv, &o)) {
        fputs("usage: strait_held [-v] [--isa NAME] [--dtype f32|bf16] [--shape NAME] [--differ]\n", stderr);
        return 2;
    }
    if (o.isa) {
        hold_isa(&o, o.isa);
    } else {
        for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) hold_isa(&o, isas[i]);
    }
    if (o.ok + o.failed == 0) report(&o, false, "all", "runs", "no instruction set, dtype or shape of that name");
    return o.failed > 0;
}
