/* What plug-ins are offered: strait_host of the public header. Private to src/device. */
#ifndef STRAIT_DEVICE_HOST_H
#define STRAIT_DEVICE_HOST_H

#include <strait/device_plugin.h>

/* Lives as long as the process. */
const strait_host *strait__host(void);

#endif
