// The series about the pool of hosts: what memberlist and Serf count, and the view.
#pragma once

#include "api/metrics_text.h"
#include "runtime/hosts.h"

namespace phoenix {

// Null: this host speaks to no others; all series are there, and zero.
void write_gossip_metrics(MetricsText& text, const Hosts* hosts);

}  // namespace phoenix
