#include "probe.h"
void topic_system(void) {}
