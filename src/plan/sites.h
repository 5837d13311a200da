/*
 * The places that a user names in a sites file: where they are, whose, with which chips, links, power and prices.
 *
 *     sites:
 *       - name: home
 *         country: cn
 *         owner: {headquarters: cn, parent: none, listed: no, source: our register}
 *         tenant: none
 *         transaction: use
 *         wan_gbps: 10
 *         chips:
 *           - {chip: h800, count: 2048, per_node: 8, installed_on: 2023-06}
 *
 * The keys are those of a scene (plan/scene.h, with `country` for `to` and `ship_from` for `from`), those of sites.def,
 * `name`, `currency` and `chips`. What a pool of chips states counts before what its site states. What nobody states is
 * unknown: NAN, -1, NULL.
 */
#ifndef STRAIT_PLAN_SITES_H
#define STRAIT_PLAN_SITES_H

#include "plan/scene.h"
#include "train/config_yaml.h"

enum { STRAIT_SITES_MAX = 64, STRAIT_POOLS_MAX = 16 };

#define STRAIT_SITE_KEY(member, type, min, max, flags, help)
#define STRAIT_POOL_KEY(member, type, min, max, flags, help) STRAIT_CELL_##type member;
typedef struct strait_pool {
    strait_scene scene; /* of the site, and what is stated of these chips; without days */
    int line;           /* of the file */
#include "plan/sites.def"
} strait_pool;
#undef STRAIT_SITE_KEY
#undef STRAIT_POOL_KEY

#define STRAIT_SITE_KEY(member, type, min, max, flags, help) STRAIT_CELL_##type member;
#define STRAIT_POOL_KEY(member, type, min, max, flags, help)
typedef struct strait_site {
    const char *name;
    int line;
    int currency; /* index into the choices of facts/rates.csv's `currency`; -1: not stated */
#include "plan/sites.def"
    strait_pool pools[STRAIT_POOLS_MAX];
    int n_pools;
} strait_site;
#undef STRAIT_SITE_KEY
#undef STRAIT_POOL_KEY

typedef struct strait_sites {
    strait_site *sites; /* owned */
    int count;
    char *name;       /* of the file; owned */
    strait_yaml yaml; /* what the sites' texts point into */
} strait_sites;

/*
 * Reads and checks a sites file. Borrows from the facts. STRAIT_ERR_USAGE or NOT_FOUND with "name:line:column: " and
 * the key: an unknown key, chip or country with the nearest, a number out of its range, what is missing, what
 * contradicts itself. On failure *out needs no fini.
 */
strait_status strait_sites_parse(const char *name, const char *bytes, size_t length, const strait_facts *facts,
                                 strait_sites *out) STRAIT_MUST_USE;
strait_status strait_sites_read(const char *path, const strait_facts *facts, strait_sites *out) STRAIT_MUST_USE;
void strait_sites_fini(strait_sites *sites);

#endif
