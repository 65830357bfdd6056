// Lineage (I6): with every change of a packet that the store took stands an entry that tells of
// this very change, and the entries that are legs form one chain, whichever hosts wrote them.
#pragma once

#include <string>

#include "store/store.h"

namespace phoenix::sim {

// What is wrong with the entry of a change; empty: nothing. `before`: the head that it replaced, or
// null.
std::string fault_of_entry(const Packet* before, const PutPacket& put);

}  // namespace phoenix::sim
