// The architecture's figures, computed when somebody asks: for GET /v1/dma and GET /metrics.
#pragma once

#include <string>

#include "node/stats.h"
#include "runtime/host.h"
#include "runtime/hosts.h"

namespace phoenix {

// Spread of load over active members: (load held) / maxLoad.
LoadFigures load_figures(const Node& node);

// The body of GET /v1/dma. `values`: with the single values behind the quantiles, so that whoever
// watches several lives of a host can pool them.
// `packets`: as Host::packet_counts() tells them.
std::string dma_json(const Host& host, const Host::PacketCounts& packets, bool values);
// The Prometheus text of GET /metrics; every series exists from the start.
std::string metrics_text(Host& host, const Hosts* hosts, std::string_view version);

}  // namespace phoenix
