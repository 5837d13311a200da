/* The part of `strait plan` that looks for a place. */
#ifndef STRAIT_CLI_PLAN_PLACE_H
#define STRAIT_CLI_PLAN_PLACE_H

int cli_plan_place(int argc, char **argv);

#endif
