/*
 * How a run is split over chips, and in what its states are kept. Knows sizes only.
 *
 * Ranks: tensor x context x pipeline x data. Experts are divided over `expert` ranks of tensor x context x data; where
 * expert is 1 they are split like any other matrix.
 */
#ifndef STRAIT_PLAN_SPLIT_H
#define STRAIT_PLAN_SPLIT_H

#include "plan/model_shape.h"

typedef enum strait_plan_recompute {
    STRAIT_PLAN_RECOMPUTE_NONE,
    STRAIT_PLAN_RECOMPUTE_LIGHT, /* norms and the activation between the feed-forward products */
    STRAIT_PLAN_RECOMPUTE_FULL,  /* every layer from its input */
    STRAIT_PLAN_RECOMPUTE_HALF   /* every other product's output is kept, and attention's: never chosen, only given */
} strait_plan_recompute;
extern const char *const strait_plan_recompute_names[4];

/* Zero in a size means 1, in a choice its first; strait_split_finish fills in. */
typedef struct strait_split {
    int64_t tensor;
    int64_t pipeline;
    int64_t stages; /* virtual ones on each chip of the pipeline (interleaving) */
    int64_t expert;
    int64_t context;
    int64_t data;
    int64_t sharding;    /* over the data ranks: 0 nothing, 1 optimizer, 2 and gradients, 3 and weights */
    int64_t micro_batch; /* sequences */
    strait_plan_recompute recompute;
    bool recompute_chosen;    /* whoever plans may recompute more than `recompute` where it does not fit */
    bool sequence_replicated; /* tensor ranks keep norms' activations whole (no "sequence parallelism") */
    bool gathered_kept;       /* inputs gathered over tensor ranks stay for their products' weight gradients, as
                                 PyTorch's own tensor ranks do it; else they are gathered again */
    bool outputs_kept;        /* stages keep what they pass on, logits too, of all micro-batches until the step ends,
                                 in two bytes, and room to receive all of it, as PyTorch's pipeline schedules do it */
    bool keys_gathered;       /* context ranks hold keys and values of the whole sequence at once, for each head of
                                 queries, and sum gradients in f32, as PyTorch's context parallel does it; else a ring */
    bool chunked_logits;      /* the loss is taken chunk by chunk */
    double logit_bytes;    /* of each logit at the loss; 0 = 12: log-probability and two gradients in f32, as PyTorch's
                              loss */
    double weight_bytes;   /* a parameter; 0 = 2 */
    double gradient_bytes; /* 0 = 4 */
    double state_bytes;    /* master, both moments; 0 = 12 */
} strait_split;

/* What is trained on: of one optimizer step. */
typedef struct strait_workload {
    int64_t length;    /* tokens of a sequence */
    int64_t sequences; /* of a step, all chips together */
    double tokens;     /* of the run; 0 = not said */
    bool fp8;          /* of the layers' products */
    bool counted;      /* a forward pass through the layers that counts choices of experts precedes the step */
} strait_workload;

int64_t strait_split_chips(const strait_split *split);
/* Micro-batches that a pipeline sees in a step. */
int64_t strait_split_micro_batches(const strait_split *split, const strait_workload *work);

/*
 * Fills in what is 0, then checks the split against the shape and the batch: every dimension divides what it splits.
 * `chips` > 0: data is what is left of them. STRAIT_ERR_USAGE, naming the dimension and what would divide.
 */
strait_status strait_split_finish(strait_split *inout, const strait_model_shape *shape, const strait_workload *work,
                                  int64_t chips) STRAIT_MUST_USE;

/* "tp=8,pp=4,dp=16,ep=8,cp=1,vp=2,sharding=1,micro=1,recompute=full,logits=chunked,weights=2,gradients=4,states=12". */
strait_status strait_split_parse(const char *text, strait_split *out) STRAIT_MUST_USE;
/* The same text from a split, without what is 1. */
void strait_split_format(const strait_split *split, char *out, size_t capacity);

#endif
