/* Graphs: placement without overlap, in-place sharing, recomputation, and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "graph/backward.h"
#include "graph/plan.h"
#include "model/model.h"
#include "ops/rules.h"

static strait_model_config small_config(void)
{
    return (strait_model_config){.family = STRAIT_FAMILY_QWEN3,
                                 .vocab_size = 67,
                                 .pad_token_id = -1,
                                 .hidden_size = 24,
                                 .intermediate_size = 40,
                                 .num_hidden_layers = 3,
                                 .num_attention_heads = 4,
                                 .num_key_value_heads = 2,
                                 .head_dim = 8,
                                 .max_position_embeddings = 64,
                                 .rms_norm_eps = 1e-6,
                                 .rope_theta = 1e4,
                                 .initializer_range = 0.02,
                                 .tie_word_embeddings = true};
}

/* A planned training graph; the caller ends graph, state and params. */
static void build(strait_recompute recompute, strait_graph *graph, strait_layout *state, strait_params *params)
{
    strait_model_config config = small_config();
    strait_build options = {.mode = STRAIT_BUILD_TRAIN, .batch = 2, .length = 9, .table_rows = 9, .embedding_rows = 18};
    *state = (strait_layout){0};
    *params = (strait_params){0};
    assert_int_equal(strait_architecture_of(&config)->params(&config, params), STRAIT_OK);
    assert_int_equal(strait_params_finish(params), STRAIT_OK);
    strait_graph_init(graph, STRAIT_DTYPE_F32, STRAIT_NUMERICS_EXACT, state);
    assert_int_equal(strait_architecture_of(&config)->build(graph, &config, params, &options), STRAIT_OK);
    assert_int_equal(strait_graph_differentiate(graph, recompute, strait_op_gradient), STRAIT_OK);
    assert_int_equal(strait_graph_plan(graph), STRAIT_OK);
}

static void end(strait_graph *graph, strait_layout *state, strait_params *params)
{
    strait_graph_fini(graph);
    strait_layout_fini(state);
    strait_params_fini(params);
}

/* Simulates memory: what a node reads must be what was last written for that tensor. */
static void assert_no_value_is_overwritten(const strait_graph *graph)
{
    static strait_tensor_id owner[1 << 14];
    int64_t granules = graph->arena_bytes / STRAIT_BUFFER_ALIGNMENT;
    assert_true(granules < (int64_t)(sizeof owner / sizeof owner[0]));
    for (int64_t i = 0; i < granules; i++) owner[i] = STRAIT_NO_TENSOR;
    for (int pass = 0; pass < graph->node_count; pass++) {
        const strait_node *node = &graph->nodes[pass];
        for (int writes = 0; writes < 2; writes++) {
            for (int32_t i = 0; i < node->buffer_count; i++) {
                strait_tensor_id id = node->buffers[i];
                if (id == STRAIT_NO_TENSOR || graph->tensors[id].store != STRAIT_STORE_ARENA) continue;
                bool write = (strait_node_access(node, i) & STRAIT_ACCESS_WRITE) != 0;
                if (write != (writes == 1)) continue;
                int64_t first = graph->tensors[id].offset / STRAIT_BUFFER_ALIGNMENT;
                int64_t last = (graph->tensors[id].offset + graph->tensors[id].bytes - 1) / STRAIT_BUFFER_ALIGNMENT;
                for (int64_t g = first; g <= last; g++) {
                    if (write) owner[g] = id;
                    if (!write) assert_int_equal(owner[g], id);
                }
            }
        }
    }
}

static void places_tensors_without_overlap(void **state_)
{
    (void)state_;
    for (int recompute = 0; recompute < 3; recompute++) {
        strait_graph graph;
        strait_layout state;
        strait_params params;
        build((strait_recompute)recompute, &graph, &state, &params);
        assert_no_value_is_overwritten(&graph);
        end(&graph, &state, &params);
    }
}

static void recomputing_saves_memory(void **state_)
{
    (void)state_;
    int64_t bytes[3];
    int32_t nodes[3];
    for (int recompute = 0; recompute < 3; recompute++) {
        strait_graph graph;
        strait_layout state;
        strait_params params;
        build((strait_recompute)recompute, &graph, &state, &params);
        bytes[recompute] = graph.arena_bytes;
        nodes[recompute] = graph.node_count;
        end(&graph, &state, &params);
    }
    assert_true(bytes[1] < bytes[0] && bytes[2] < bytes[1]);
    assert_true(nodes[1] > nodes[0] && nodes[2] > nodes[1]);
}

static void every_parameter_gets_a_gradient(void **state_)
{
    (void)state_;
    strait_graph graph;
    strait_layout state;
    strait_params params;
    build(STRAIT_RECOMPUTE_NONE, &graph, &state, &params);
    for (int32_t p = 0; p < params.count; p++) {
        char name[128];
        snprintf(name, sizeof name, "grad.%s", params.items[p].name);
        strait_tensor_id id = strait_graph_find(&graph, name);
        assert_true(id != STRAIT_NO_TENSOR);
        assert_true(graph.tensors[id].producer >= 0);
        assert_int_equal(graph.tensors[id].offset, params.items[p].offset * 4);
    }
    end(&graph, &state, &params);
}

static void refuses_tensors_that_are_too_small(void **state_)
{
    (void)state_;
    strait_layout state = {0};
    strait_graph graph;
    strait_tensor_id a;
    strait_tensor_id b;
    strait_graph_init(&graph, STRAIT_DTYPE_F32, STRAIT_NUMERICS_EXACT, &state);
    assert_int_equal(strait_graph_activation(&graph, "a", STRAIT_DTYPE_F32, 4, 4, STRAIT_KEEP_HEAVY, &a), STRAIT_OK);
    assert_int_equal(strait_graph_activation(&graph, "small", STRAIT_DTYPE_F32, 3, 4, STRAIT_KEEP_HEAVY, &b),
                     STRAIT_OK);
    strait_op_desc desc = {.op = STRAIT_OP_SWIGLU, .dims = {16}};
    strait_tensor_id buffers[] = {a, a, b};
    assert_int_equal(strait_graph_emit(&graph, &desc, buffers, -1), STRAIT_ERR_SHAPE);
    assert_non_null(strstr(strait_error_message(), "small"));
    assert_int_equal(strait_graph_activation(&graph, "huge", STRAIT_DTYPE_F32, INT64_MAX / 2, 4, STRAIT_KEEP_HEAVY, &b),
                     STRAIT_ERR_OVERFLOW);
    strait_graph_fini(&graph);
    strait_layout_fini(&state);
}

static void parameters_are_in_name_order(void **state_)
{
    (void)state_;
    strait_model_config config = small_config();
    strait_params params = {0};
    assert_int_equal(strait_architecture_of(&config)->params(&config, &params), STRAIT_OK);
    assert_int_equal(strait_params_finish(&params), STRAIT_OK);
    for (int32_t p = 1; p < params.count; p++) {
        assert_true(strcmp(params.items[p - 1].name, params.items[p].name) < 0);
        assert_true(params.items[p].offset % 128 == 0);
    }
    assert_null(strait_params_find(&params, "lm_head.weight"));
    assert_non_null(strait_params_find(&params, "model.norm.weight"));
    strait_params_fini(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_tensors_without_overlap),  cmocka_unit_test(recomputing_saves_memory),
        cmocka_unit_test(every_parameter_gets_a_gradient), cmocka_unit_test(refuses_tensors_that_are_too_small),
        cmocka_unit_test(parameters_are_in_name_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
