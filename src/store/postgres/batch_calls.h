// A folded batch as the calls of one transaction.
#pragma once

#include <cstdint>
#include <vector>

#include "base/host_life.h"
#include "store/postgres/connection.h"
#include "store/postgres/fold.h"

namespace phoenix::postgres {

// `settled`: batches of this life that nobody will resolve any more, to be pruned with it.
std::vector<Call> batch_calls(const Folded& folded, const HostLife& self, uint64_t batch_id,
                              const std::vector<uint64_t>& settled);

// A packet's state as its row has it.
int64_t stored_state(Status status);

}  // namespace phoenix::postgres
