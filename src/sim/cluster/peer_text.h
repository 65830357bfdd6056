// One line of the trace for each thing that hosts say to each other.
#pragma once

#include <string>

#include "cluster/peer_message.h"

namespace phoenix::sim {

std::string describe_peer(const PeerMessage& message);

}  // namespace phoenix::sim
