/*
 * What the vendors' interfaces have in common: objects without an inside, and the answer of a call. Both enumerate
 * answers without a negative one, so that the type is unsigned here.
 */
#ifndef STRAIT_BACKENDS_GPU_GPU_TYPES_H
#define STRAIT_BACKENDS_GPU_GPU_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned int gpu_answer; /* 0: done */

typedef struct gpu_context_object *gpu_context;
typedef struct gpu_module_object *gpu_module;
typedef struct gpu_function_object *gpu_function;
typedef struct gpu_stream_object *gpu_stream;
typedef struct gpu_event_object *gpu_event;
typedef struct gpu_graph_object *gpu_graph;
typedef struct gpu_graph_exec_object *gpu_graph_exec;
typedef struct gpu_source_object *gpu_source; /* a text with its compiler */
typedef struct gpu_uuid_object gpu_uuid;      /* 16 bytes */

#endif
