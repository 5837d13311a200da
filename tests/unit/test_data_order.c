/* Order is bits: permutations, mixing, samples that do not depend on how the batch is cut, masks, and reading ahead. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "test_data.h"

#include "data/dataset.h"
#include "data/order.h"
#include "data/prefetch.h"
#include "data/token_index.h"

static void permutations_visit_each_sample_once(void **state)
{
    (void)state;
    static const int64_t counts[] = {1, 2, 3, 4, 5, 7, 8, 31, 100, 1000, 4097};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        int64_t count = counts[c];
        char *seen = calloc((size_t)count, 1);
        assert_non_null(seen);
        for (int64_t i = 0; i < count; i++) {
            int64_t sample = strait__order_permute(1234, 3, 2, i, count);
            assert_in_range(sample, 0, count - 1);
            assert_int_equal(seen[sample], 0);
            seen[sample] = 1;
        }
        free(seen);
    }
}

static void permutations_look_random_and_depend_on_their_key(void **state)
{
    (void)state;
    enum { N = 1000 };
    int64_t stays = 0;
    int64_t neighbours = 0;
    int64_t same_epoch = 0;
    int64_t same_source = 0;
    int64_t same_seed = 0;
    int64_t last = -2;
    double distance = 0.0;
    for (int64_t i = 0; i < N; i++) {
        int64_t x = strait__order_permute(1, 0, 0, i, N);
        stays += x == i;
        neighbours += x == last + 1;
        same_epoch += x == strait__order_permute(1, 0, 1, i, N);
        same_source += x == strait__order_permute(1, 1, 0, i, N);
        same_seed += x == strait__order_permute(2, 0, 0, i, N);
        distance += x > i ? (double)(x - i) : (double)(i - x);
        last = x;
    }
    /* Each is 1 on average for a random permutation, and above 9 once in a million. */
    assert_in_range(stays, 0, 9);
    assert_in_range(neighbours, 0, 9);
    assert_in_range(same_epoch, 0, 9);
    assert_in_range(same_source, 0, 9);
    assert_in_range(same_seed, 0, 9);
    assert_true(distance / N > 300.0 && distance / N < 367.0); /* a third of N on average */
    /* The six orders of three things, over seeds. */
    int orders[27] = {0};
    for (uint32_t seed = 0; seed < 6000; seed++) {
        int64_t a = strait__order_permute(seed, 0, 0, 0, 3);
        int64_t b = strait__order_permute(seed, 0, 0, 1, 3);
        int64_t c = strait__order_permute(seed, 0, 0, 2, 3);
        orders[a * 9 + b * 3 + c]++;
    }
    for (int i = 0; i < 27; i++) assert_true(orders[i] == 0 || (orders[i] > 800 && orders[i] < 1200));
}

/* These bits are part of the contract: a change is a new version of it. */
static void the_order_keeps_its_bits(void **state)
{
    (void)state;
    static const int64_t want[10] = {4, 8, 6, 9, 1, 3, 2, 5, 0, 7};
    int64_t got[10];
    for (int64_t i = 0; i < 10; i++) got[i] = strait__order_permute(42, 0, 0, i, 10);
    assert_memory_equal(got, want, sizeof got);
}

static void sources_mix_by_weight(void **state)
{
    (void)state;
    static const double weights[4] = {0.5, 3.0, 1e-3, 1.25};
    double total = 0.5 + 3.0 + 1e-3 + 1.25;
    strait__mix mix;
    assert_ok(strait__mix_init(&mix, 77, weights, 4));
    int64_t counts[4] = {0};
    for (int64_t g = 0; g < 50000; g++) {
        int64_t index;
        int source = strait__mix_source(&mix, g, &index);
        /* The index is how many came before from the same source: no replay, no gap. */
        assert_int_equal(index, counts[source]);
        counts[source]++;
        for (int i = 0; i < 4; i++) {
            double ideal = (double)(g + 1) * weights[i] / total;
            double off = (double)counts[i] - ideal;
            if (off < -4.0 || off > 4.0) fail_msg("source %d has %lld of %f", i, (long long)counts[i], ideal);
        }
    }
    /* Far out, where nothing could be replayed. */
    int64_t a;
    int64_t b;
    int64_t far = INT64_C(1) << 60;
    while (strait__mix_source(&mix, far, &a) != 1) far++;
    int64_t next = far + 1;
    while (strait__mix_source(&mix, next, &b) != 1) next++;
    assert_int_equal(b, a + 1);
    static const double bad[2] = {1.0, 0.0};
    assert_fails(strait__mix_init(&mix, 1, bad, 2), STRAIT_ERR_RANGE, "data source 2 has weight 0");
}

/* A shard of documents with the given lengths; token i has id (i * 7 + salt) mod 1000. */
static void write_shard(test_folder *folder, const char *name, const int *lengths, int documents, int salt)
{
    static unsigned char idx[65536];
    static unsigned char bin[65536];
    strait__index_write_header(idx, STRAIT__ID_UINT16, documents);
    size_t place = STRAIT__INDEX_HEADER_BYTES;
    int tokens = 0;
    for (int i = 0; i < documents; i++, place += 4) strait__write_le32(idx + place, (uint32_t)lengths[i]);
    for (int i = 0; i < documents; i++, place += 8) {
        strait__write_le64(idx + place, (uint64_t)tokens * 2);
        tokens += lengths[i];
    }
    for (int i = 0; i <= documents; i++, place += 8) strait__write_le64(idx + place, (uint64_t)i);
    for (int i = 0; i < tokens; i++) {
        int id = (i * 7 + salt) % 1000;
        bin[2 * i] = (unsigned char)id;
        bin[2 * i + 1] = (unsigned char)(id >> 8);
    }
    char file[64];
    snprintf(file, sizeof file, "%s.idx", name);
    write_file(at(folder, file), idx, place);
    snprintf(file, sizeof file, "%s.bin", name);
    write_file(at(folder, file), bin, (size_t)tokens * 2);
}

static strait_dataset *two_sources(test_folder *folder, strait_dataset_params params)
{
    static const int first[] = {30, 1, 50, 20};
    static const int second[] = {77};
    write_shard(folder, "one", first, 4, 0);
    write_shard(folder, "two", second, 1, 500);
    const strait_dataset_source sources[2] = {{.path = at(folder, "one"), .weight = 3},
                                              {.path = at(folder, "two.idx"), .weight = 1}};
    params.sources = sources;
    params.source_count = 2;
    strait_dataset *dataset;
    assert_ok(strait_dataset_create(&params, &dataset));
    return dataset;
}

static void samples_do_not_depend_on_the_cut(void **state)
{
    enum { T = 8, N = 96 };
    strait_dataset *dataset = two_sources(*state, (strait_dataset_params){.sequence_length = T, .seed = 5});
    assert_int_equal(strait_dataset_samples(dataset), 12 + 9);
    static int32_t tokens[N * T];
    static int32_t targets[N * T];
    static int32_t documents[N * T];
    assert_ok(strait_dataset_fill(dataset, 0, N, tokens, targets, documents));
    int64_t epochs_of_first = 0;
    for (int64_t cut = 1; cut <= 7; cut += 2) {
        for (int64_t g = 0; g + cut <= N; g += cut) {
            int32_t t[7 * T];
            int32_t y[7 * T];
            assert_ok(strait_dataset_fill(dataset, g, cut, t, y, NULL));
            assert_memory_equal(t, tokens + g * T, (size_t)(cut * T) * sizeof *t);
            assert_memory_equal(y, targets + g * T, (size_t)(cut * T) * sizeof *y);
        }
    }
    /* What comes out is what the place says, and each epoch has each sample once. */
    char seen[8][12] = {{0}};
    for (int64_t g = 0; g < N; g++) {
        strait_dataset_place place;
        assert_ok(strait_dataset_place_of(dataset, g, &place));
        int salt = place.source == 0 ? 0 : 500;
        for (int64_t i = 0; i < T; i++) {
            int64_t position = place.sample * T + i;
            assert_int_equal(tokens[g * T + i], (position * 7 + salt) % 1000);
            assert_int_equal(targets[g * T + i], ((position + 1) * 7 + salt) % 1000);
        }
        if (place.source != 0) continue;
        assert_int_equal(seen[place.epoch][place.sample], 0);
        seen[place.epoch][place.sample] = 1;
        epochs_of_first = place.epoch;
    }
    assert_int_equal(epochs_of_first, 5); /* 72 of 96 sequences, 12 an epoch */
    char identity[65];
    char other[65];
    assert_int_equal(strait_dataset_identity(dataset, identity), STRAIT_OK);
    strait_dataset_destroy(dataset);
    dataset = two_sources(*state, (strait_dataset_params){.sequence_length = T, .seed = 6});
    assert_int_equal(strait_dataset_identity(dataset, other), STRAIT_OK);
    assert_string_not_equal(identity, other);
    strait_dataset_destroy(dataset);
}

static void documents_are_numbered_and_masked(void **state)
{
    enum { T = 40 };
    static const int lengths[] = {3, 0, 5, 33, 1};
    write_shard(*state, "d", lengths, 5, 0);
    const strait_dataset_source source = {.path = at(*state, "d"), .weight = 1};
    strait_dataset_params params = {
        .sources = &source, .source_count = 1, .sequence_length = T, .sequential = true, .mask_documents = true};
    strait_dataset *dataset;
    assert_ok(strait_dataset_create(&params, &dataset));
    assert_int_equal(strait_dataset_samples(dataset), 2);
    int32_t tokens[2 * T];
    int32_t targets[2 * T];
    int32_t documents[2 * T];
    assert_ok(strait_dataset_fill(dataset, 0, 2, tokens, targets, documents));
    for (int i = 0; i < T; i++) {
        assert_int_equal(documents[i], i < 3 ? 0 : i < 8 ? 1 : 2);
        bool boundary = i == 2 || i == 7;
        assert_int_equal(targets[i], boundary ? -1 : (i + 1) * 7 % 1000);
    }
    /* 42 tokens: the second sample has one input, token 40, which ends its document; the rest is filled up. */
    assert_int_equal(tokens[T], 40 * 7);
    for (int i = 0; i < T; i++) assert_int_equal(targets[T + i], -1);
    for (int i = 1; i < T; i++) assert_int_equal(tokens[T + i], 0);
    assert_fails(strait_dataset_fill(dataset, 2, 1, tokens, targets, NULL), STRAIT_ERR_RANGE, "sequence 2 of 2");
    strait_dataset_destroy(dataset);
    params.mask_documents = false;
    assert_ok(strait_dataset_create(&params, &dataset));
    assert_ok(strait_dataset_fill(dataset, 0, 2, tokens, targets, NULL));
    for (int i = 0; i < T; i++) assert_int_equal(targets[i], (i + 1) * 7 % 1000);
    assert_int_equal(targets[T], 41 * 7);
    assert_int_equal(targets[T + 1], -1);
    strait_dataset_destroy(dataset);
}

static void too_little_data_is_an_error_before_the_first_step(void **state)
{
    static const int lengths[] = {10};
    write_shard(*state, "s", lengths, 1, 0);
    const strait_dataset_source source = {.path = at(*state, "s"), .weight = 1};
    strait_dataset_params params = {.sources = &source, .source_count = 1, .sequence_length = 10};
    strait_dataset *dataset;
    assert_fails(
        strait_dataset_create(&params, &dataset), STRAIT_ERR_RANGE,
        "s.idx: has 10 tokens, a sample of sequence_length 10 needs 11: set data.sequence_length to at most 9");
    params.sequence_length = 9;
    assert_ok(strait_dataset_create(&params, &dataset));
    assert_int_equal(strait_dataset_samples(dataset), 1);
    strait_dataset_destroy(dataset);
    params.vocabulary = 50;
    int32_t tokens[9];
    int32_t targets[9];
    assert_ok(strait_dataset_create(&params, &dataset));
    assert_fails(strait_dataset_fill(dataset, 0, 1, tokens, targets, NULL), STRAIT_ERR_RANGE, "has id 56");
    strait_dataset_destroy(dataset);
    params.source_count = 0;
    assert_fails(strait_dataset_create(&params, &dataset), STRAIT_ERR_RANGE, "0 data sources");
}

static void reading_ahead_gives_the_same(void **state)
{
    enum { T = 8, B = 5 };
    strait_dataset *dataset = two_sources(*state, (strait_dataset_params){.sequence_length = T, .seed = 5});
    strait_prefetch *prefetch;
    assert_ok(strait_prefetch_create(dataset, 10, B, true, &prefetch));
    for (int64_t step = 0; step < 20; step++) {
        strait_batch batch;
        int32_t tokens[B * T];
        int32_t targets[B * T];
        int32_t documents[B * T];
        assert_ok(strait_prefetch_next(prefetch, &batch));
        assert_int_equal(batch.first, 10 + step * B);
        assert_int_equal(batch.target_count, B * T);
        assert_ok(strait_dataset_fill(dataset, batch.first, B, tokens, targets, documents));
        assert_memory_equal(batch.tokens, tokens, sizeof tokens);
        assert_memory_equal(batch.targets, targets, sizeof targets);
        assert_memory_equal(batch.documents, documents, sizeof documents);
    }
    strait_prefetch_destroy(prefetch);
    /* Ended at once, with reads under way. */
    for (int i = 0; i < 20; i++) {
        assert_ok(strait_prefetch_create(dataset, i, B, false, &prefetch));
        strait_prefetch_destroy(prefetch);
    }
    strait_prefetch_destroy(NULL);
    strait_dataset_destroy(dataset);
}

static void an_error_read_ahead_comes_out_in_its_turn(void **state)
{
    static const int lengths[] = {40};
    write_shard(*state, "e", lengths, 1, 0);
    const strait_dataset_source source = {.path = at(*state, "e"), .weight = 1};
    strait_dataset_params params = {
        .sources = &source, .source_count = 1, .sequence_length = 10, .sequential = true, .vocabulary = 150};
    strait_dataset *dataset;
    assert_ok(strait_dataset_create(&params, &dataset));
    strait_prefetch *prefetch;
    strait_batch batch;
    assert_ok(strait_prefetch_create(dataset, 0, 1, false, &prefetch));
    assert_ok(strait_prefetch_next(prefetch, &batch));
    assert_ok(strait_prefetch_next(prefetch, &batch));
    assert_int_equal(batch.first, 1);
    for (int i = 0; i < 3; i++) {
        assert_fails(strait_prefetch_next(prefetch, &batch), STRAIT_ERR_RANGE, "e.bin: token 22");
    }
    strait_prefetch_destroy(prefetch);
    strait_dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permutations_visit_each_sample_once),
        cmocka_unit_test(permutations_look_random_and_depend_on_their_key),
        cmocka_unit_test(the_order_keeps_its_bits),
        cmocka_unit_test(sources_mix_by_weight),
        cmocka_unit_test_setup_teardown(samples_do_not_depend_on_the_cut, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(documents_are_numbered_and_masked, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(too_little_data_is_an_error_before_the_first_step, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(reading_ahead_gives_the_same, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(an_error_read_ahead_comes_out_in_its_turn, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
