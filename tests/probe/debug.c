#include "probe.h"
void topic_debug(void) {}
