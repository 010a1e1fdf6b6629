/*
 * device.c - what all chips share.
 */
#include "devices/device.h"
#include <stdlib.h>

void *device_new(size_t size, const struct device_ops *ops, struct log *log)
{
	struct device *d;

	BUG_ON(size < sizeof(struct device));
	d = calloc(1, size);
	BUG_ON(!d); /* host out of memory while a machine is being built: nothing to go on with */
	d->ops = ops;
	d->log = log;
	return d;
}
