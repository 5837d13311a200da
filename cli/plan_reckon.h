/* The part of `strait plan` that reckons; cmd_plan.c hands over to it where no facts are asked for. */
#ifndef STRAIT_CLI_PLAN_RECKON_H
#define STRAIT_CLI_PLAN_RECKON_H

int cli_plan_reckon(int argc, char **argv); /* argv[0] is the verb */

#endif
