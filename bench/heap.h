// What the process has allocated, for rows about memory: malloc's own count, its overhead included,
// and what is resident of huge pages, which the ring's lines take beside it.
#pragma once

namespace phoenix::bench {

double allocated_bytes();

}  // namespace phoenix::bench
