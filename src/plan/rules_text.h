/* A judgement for people and for tools. "Not legal advice" is for whoever writes the whole: it stands there once. */
#ifndef STRAIT_PLAN_RULES_TEXT_H
#define STRAIT_PLAN_RULES_TEXT_H

#include "plan/rules.h"

/* Appends lines: the act, the verdict, each rule with its source, and what has to be gone through. */
strait_status strait_judgement_text(const strait_scene *scene, const strait_judgement *judgement,
                                    strait_buffer *out) STRAIT_MUST_USE;
/* Appends members of a JSON object, without its braces: "verdict": ..., "findings": [...]. */
strait_status strait_judgement_json(const strait_scene *scene, const strait_judgement *judgement,
                                    strait_buffer *out) STRAIT_MUST_USE;

#endif
